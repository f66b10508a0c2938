"""Read the YAML configuration file into plain values, and remember where in the file each one stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import yaml

from pin_exporter.toolkit.errors import SettingsError, did_you_mean
from pin_exporter.toolkit.files import open_plain

_MAX_BYTES: Final = 4 * 2**20
_MAX_VALUES: Final = 100_000
_LONGEST_SHOWN: Final = 80
_NULL_TAG: Final = "tag:yaml.org,2002:null"
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp", "value")
)
"""What YAML itself takes values for. All else is somebody else's, such as `!vault`, and would be misread."""
_MAY_BE_A_SECRET: Final = re.compile(r"(:|\$2\w?\$).*", re.DOTALL)
"""What stands in a name behind a colon, where a blank is missing, or where a bcrypt hash begins."""
_UNLIKE_A_SETTING: Final = re.compile(r"[^a-z_.<-].*", re.DOTALL)
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_QUOTED: Final = re.compile(r"""(['"])(?:\\.|(?!\1).)*\1""")

T = TypeVar("T")
Place = tuple[int | str, ...]
"""A path into the file, such as `("accounts", 0, "name")`."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file's values, all scalars as text or None, and the line of each place."""

    path: Path
    values: Mapping[str, object]
    lines: Mapping[Place, int]

    def locate(self, place: Place, *, unknown: bool = False) -> str:
        """Return where a place stands, as `config.yml:3: accounts[0].name`.

        Where the blank after a colon is missing, a secret is part of a name: what follows one is left out,
        and of an `unknown` name all that does not look like a setting's.
        """
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        steps = (
            f"[{step}]" if isinstance(step, int) else f".{_shown(step, unknown=unknown)}" for step in place
        )
        return f"{self.path}:{self.lines.get(known, 1)}: {''.join(steps).removeprefix('.')}"


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping of a file, read key by key; every problem is collected instead of raised.

    `path` leads to the mapping. All sections of a file share the list of `problems`.
    """

    file: ConfigFile
    path: Place
    values: Mapping[str, object]
    problems: list[str]

    def section(self, name: str) -> "Section":
        """Return the mapping under a key, empty if there is none."""
        values = self.values.get(name)
        if not isinstance(values, dict):
            if values is not None:
                self.problem(name, "must be a mapping")
            values = {}
        return Section(self.file, (*self.path, name), values, self.problems)

    def problem(self, name: str, message: str) -> None:
        """Add a problem with a key. The message must not contain a secret."""
        self.problems.append(f"{self.file.locate((*self.path, name))}: {message}")

    def refuse_unknown(self, *known: str) -> None:
        """Add a problem for each key that is not known."""
        for name in self.values:
            if name not in known:
                self.problem(name, f"is not a setting{did_you_mean(name, known)}")

    def text(self, name: str) -> str | None:
        """Return the text of a key, None if it is missing or empty."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            self.problem(name, "must be text")
            return None
        return value or None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the list of texts of a key, empty if it is missing."""
        values = self.values.get(name)
        if values is None or values == []:
            return ()
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            self.problem(name, "must be a list of strings")
            return ()
        return tuple(values)

    def boolean(self, name: str, default: bool) -> bool:
        """Return the boolean of a key."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _BOOLEANS:
            self.problem(name, "must be true or false")
        return _BOOLEANS.get(value.lower(), default)

    def choice(self, name: str, choices: Mapping[str, T], default: T) -> T:
        """Return what the value of a key stands for."""
        value = self.text(name)
        if value is None:
            return default
        if value not in choices:
            self.problem(name, f"must be one of {', '.join(choices)}")
        return choices.get(value, default)


def read_config_file(path: Path, example: str = "poll_interval: 60s", *, again: bool = False) -> ConfigFile:
    """Read and parse the file. Raises SettingsError with one line for each problem.

    `example` is shown to whoever wrote something else than a mapping. What is read `again` must not be a
    pipe, as it may be at first: nobody would write to it.
    """
    try:
        with open_plain(path) if again else path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(content) > _MAX_BYTES:
        raise SettingsError([f"{path}: is larger than {_MAX_BYTES} bytes"])
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
        reading = _Reading(path)
        values = {} if root is None or root.tag == _NULL_TAG else reading.convert(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        # Not the error's own text, and no word that is quoted in it: it may be a key.
        told = ", ".join(filter(None, (error.context, error.problem)))
        problem = _QUOTED.sub(_without_words, told) + (": indent with spaces" if "\\t" in told else "")
        raise SettingsError([f"{path}{line}: is not YAML: {problem}"]) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the last two for some escapes and versions
        raise SettingsError([f"{path}: is not YAML: it holds characters that YAML does not allow"]) from None
    except RecursionError:
        raise SettingsError([f"{path}: is nested too deeply"]) from None
    if not isinstance(values, dict):
        raise SettingsError([f"{path}:1: must be a mapping, such as `{example}`"])
    if reading.problems:
        raise SettingsError(reading.problems)
    return ConfigFile(path, values, reading.lines)


@dataclass(slots=True)
class _Reading:
    """Turns the parsed nodes into values, noting lines and repeated keys on the way."""

    path: Path
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _open: list[yaml.Node] = field(default_factory=list)

    def convert(self, node: yaml.Node, place: Place) -> object:
        self.lines.setdefault(place, node.start_mark.line + 1)
        if len(self.lines) > _MAX_VALUES:  # aliases can make a short file endless
            raise SettingsError([f"{self.path}: holds more than {_MAX_VALUES} values"])
        if any(node is parent for parent in self._open):
            raise RecursionError
        if node.tag not in _TAGS:
            told = "a tag is not understood: write the value itself, in quotes if it begins with `!`"
            self.problems.append(f"{self.path}:{node.start_mark.line + 1}: {told}")
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node.value, place)
            if isinstance(node, yaml.SequenceNode):
                return [self.convert(item, (*place, index)) for index, item in enumerate(node.value)]
            return None if node.tag == _NULL_TAG else _text(node)
        finally:
            self._open.pop()

    def _mapping(self, pairs: Sequence[tuple[yaml.Node, yaml.Node]], place: Place) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, value in pairs:
            name = _text(key) if isinstance(key, yaml.ScalarNode) else "?"
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(f"{self.path}:{line}: a key must be a word")
            elif name in values:
                self.problems.append(f"{self.path}:{line}: {_shown(name, unknown=True)} is given twice")
            self.lines[(*place, name)] = line
            values[name] = self.convert(value, (*place, name))
        return values


def _text(node: yaml.Node) -> str:
    """Return a scalar as it was written. Raises ValueError for half a character, which an escape can make."""
    text = str(node.value)
    text.encode()
    return text


def _shown(name: str, *, unknown: bool) -> str:
    """Return a key of the file on one line, without what may be a secret, and however long it is."""
    text = (_UNLIKE_A_SETTING if unknown else _MAY_BE_A_SECRET).sub("…", name)
    text = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return text if text.isprintable() else ascii(text)


def _without_words(quoted: re.Match[str]) -> str:
    """Keep a single character and a parser's token such as '<scalar>'; leave out what else is quoted."""
    text = quoted[0]
    return text if len(text) <= len("'\\n'") or text[1] == "<" else "…"
