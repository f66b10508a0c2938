"""Read one mapping of the web configuration key by key, noting every problem instead of raising."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pin_exporter.toolkit.errors import did_you_mean
from pin_exporter.toolkit.yaml_file import ConfigFile, Place

T = TypeVar("T")
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of the file at a place; `problems` is the list of the whole file, for all sections."""

    file: ConfigFile
    place: Place
    values: Mapping[str, object]
    problems: list[str]

    def section(self, name: str) -> "Section":
        """Return the mapping under a key, empty if nothing is there."""
        values = self.values.get(name)
        if not isinstance(values, dict):
            if values is not None:
                self.problem(name, "must be a mapping")
            values = {}
        return Section(self.file, (*self.place, name), values, self.problems)

    def problem(self, name: str, told: str) -> None:
        """Note what is wrong with a key. `told` must not hold a secret."""
        self.problems.append(f"{self.file.locate((*self.place, name))}: {told}")

    def refuse_others(self, *known: str) -> None:
        """Note every key that is not one of those known."""
        for name in self.values:
            if name not in known:
                self.problem(name, f"is not a setting{did_you_mean(name, known)}")

    def text(self, name: str) -> str | None:
        """Return the text of a key; None if it is not there or empty, which mean the same in this format."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            self.problem(name, "must be text")
            return None
        return value or None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the list of texts of a key, empty if it is not there."""
        values = self.values.get(name)
        if values is None or values == []:
            return ()
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            self.problem(name, "must be a list of words")
            return ()
        return tuple(values)

    def boolean(self, name: str, default: bool) -> bool:
        """Return the truth value of a key."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _BOOLEANS:
            self.problem(name, "must be true or false")
        return _BOOLEANS.get(value.lower(), default)

    def choice(self, name: str, choices: Mapping[str, T], default: T) -> T:
        """Return what a key's word stands for."""
        value = self.text(name)
        if value is None:
            return default
        if value not in choices:
            self.problem(name, f"must be one of {', '.join(choices)}")
        return choices.get(value, default)
