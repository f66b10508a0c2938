"""Read YAML files into plain values, and remember the line of each value for error messages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import yaml

from pin_exporter.toolkit.display_text import shortened
from pin_exporter.toolkit.errors import SettingsError, did_you_mean
from pin_exporter.toolkit.files import open_regular

_MAX_BYTES: Final = 4 * 2**20
_MAX_VALUES: Final = 100_000
_MAX_NAME_LENGTH: Final = 80
_NULL_TAG: Final = "tag:yaml.org,2002:null"
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("bool", "float", "int", "map", "null", "seq", "str", "timestamp", "value")
)
"""The tags that YAML itself gives to values. What others mean, such as `!vault`, is unknown here."""
_MAY_BE_A_SECRET: Final = re.compile(r"(:|\$2\w?\$).*", re.DOTALL)
"""The rest of a name after a colon, where a space is missing, or from the start of a bcrypt hash."""
_UNLIKE_A_NAME: Final = re.compile(r"[^a-z_.<-].*", re.DOTALL)
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_QUOTED: Final = re.compile(r"""(['"])(?:\\.|(?!\1).)*\1""")

T = TypeVar("T")
YamlPath = tuple[int | str, ...]
"""The keys and indexes that lead to a value, such as `("users", 0, "name")`."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file's values, with all scalars as text or None, and the line of each path."""

    file_path: Path
    values: Mapping[str, object]
    lines: Mapping[YamlPath, int]

    def locate(self, path: YamlPath, *, unknown: bool = False) -> str:
        """Return a path and its line, as `config.yml:3: users[0].name`.

        If the space after a colon is missing, a secret may be part of a name. So everything after a colon is
        left out, and of an `unknown` name everything that does not look like a setting's name.
        """
        steps = (
            f"[{step}]" if isinstance(step, int) else f".{_shown(step, unknown=unknown)}" for step in path
        )
        return f"{self.file_path}:{self.line_of(path)}: {''.join(steps).removeprefix('.')}"

    def line_of(self, path: YamlPath) -> int:
        """Return the line of a path, or of what is nearest to it in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping of a file, read key by key; every problem is collected instead of raised.

    `path` leads to the mapping. All sections of a file share the list of `problems`.
    """

    file: YamlFile
    path: YamlPath
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


def read_yaml_file(file: Path, *, example: str = "name: value", again: bool = False) -> YamlFile:
    """Read and parse a file that contains a mapping. Raises SettingsError with one line for each problem.

    `example` is a mapping to show if the file contains anything else. A file that is read `again` must be a
    regular file: a pipe can be read only once.
    """
    try:
        with open_regular(file) if again else file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    if len(content) > _MAX_BYTES:
        raise SettingsError([f"{file}: is larger than {_MAX_BYTES} bytes"])
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
        converter = _Converter(file)
        values = {} if root is None or root.tag == _NULL_TAG else converter.convert(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError([f"{file}{line}: is not valid YAML: {_reason(error)}"]) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the last two for some escapes and versions
        problem = "is not valid YAML: it contains characters that YAML does not allow"
        raise SettingsError([f"{file}: {problem}"]) from None
    except RecursionError:
        raise SettingsError([f"{file}: is nested too deeply"]) from None
    if not isinstance(values, dict):
        raise SettingsError([f"{file}:1: must be a mapping, such as `{example}`"])
    if converter.problems:
        raise SettingsError(converter.problems)
    return YamlFile(file, values, converter.lines)


@dataclass(slots=True)
class _Converter:
    """Converts parsed nodes to values, and collects lines and repeated keys."""

    file: Path
    lines: dict[YamlPath, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _parents: list[yaml.Node] = field(default_factory=list)

    def convert(self, node: yaml.Node, path: YamlPath) -> object:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if len(self.lines) > _MAX_VALUES:  # aliases can make a short file endless
            raise SettingsError([f"{self.file}: contains more than {_MAX_VALUES} values"])
        if any(node is parent for parent in self._parents):
            raise RecursionError
        if node.tag not in _TAGS:
            hint = "write the value itself, in quotes if it begins with `!`"
            self.problems.append(f"{self.file}:{line}: tags are not supported: {hint}")
        self._parents.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node.value, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.convert(item, (*path, index)) for index, item in enumerate(node.value)]
            return None if node.tag == _NULL_TAG else _text(node)
        finally:
            self._parents.pop()

    def _mapping(self, pairs: Sequence[tuple[yaml.Node, yaml.Node]], path: YamlPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, value in pairs:
            name = _text(key) if isinstance(key, yaml.ScalarNode) else "?"
            line = key.start_mark.line + 1
            if key.tag == _MERGE_TAG:
                self.problems.append(
                    f"{self.file}:{line}: merge keys (<<) are not supported: write the values out"
                )
                continue
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(f"{self.file}:{line}: a key must be a string")
            elif name in values:
                self.problems.append(f"{self.file}:{line}: {_shown(name, unknown=True)} is given twice")
            self.lines[(*path, name)] = line
            values[name] = self.convert(value, (*path, name))
        return values


def _text(node: yaml.Node) -> str:
    """Return a scalar as it was written. Raises ValueError for half a surrogate pair, made by an escape."""
    text = str(node.value)
    text.encode()
    return text


def _shown(name: str, *, unknown: bool) -> str:
    """Return a name on one line, not too long and without what may be a secret."""
    text = shortened((_UNLIKE_A_NAME if unknown else _MAY_BE_A_SECRET).sub("…", name), _MAX_NAME_LENGTH)
    return text if text.isprintable() else ascii(text)


def _reason(error: yaml.MarkedYAMLError) -> str:
    """Return the parser's reason without the words that it quotes from the file: one may be a key."""
    reason = ", ".join(filter(None, (error.context, error.problem)))
    return _QUOTED.sub(_without_words, reason) + (": indent with spaces" if "\\t" in reason else "")


def _without_words(quoted: re.Match[str]) -> str:
    """Return a quoted character or token, such as `'<scalar>'`, as it is, and `…` for anything else."""
    text = quoted[0]
    return text if len(text) <= len("'\\n'") or text[1] == "<" else "…"
