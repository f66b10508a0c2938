"""Describe, check and read the switches that are fields of a dataclass."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
_KEY = "rule"
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a switch means and which values it takes."""

    text: str
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple[str, ...] = ()


def option(default: T, text: str, *, minimum: float = -math.inf, maximum: float = math.inf) -> T:
    """Return a dataclass field for a number, a yes/no or a free text."""
    return dataclasses.field(default=default, metadata={_KEY: Rule(text, minimum, maximum)})


def share(text: str) -> float:
    """Return a dataclass field for a part of a whole, 0 to 1; none by default."""
    return option(0.0, f"{text}, 0 to 1", minimum=0, maximum=1)


def per_minute(text: str) -> float:
    """Return a dataclass field for a rate of events; none by default."""
    return option(0.0, f"{text} per minute, on average", minimum=0, maximum=1e6)


def choice(default: T, text: str, choices: tuple[str, ...]) -> T:
    """Return a dataclass field for one word out of several."""
    return dataclasses.field(default=default, metadata={_KEY: Rule(text, choices=choices)})


def rules(record: type) -> dict[str, tuple[Rule, Any]]:
    """Return rule and default of every switch of a dataclass, by field name."""
    return {f.name: (f.metadata[_KEY], f.default) for f in dataclasses.fields(record)}


def check(record: Any) -> None:
    """Raise ValueError, in one line, for the first field of `record` with a value outside its rule."""
    for name, (rule, default) in rules(type(record)).items():
        problem = _problem(getattr(record, name), rule, default)
        if problem:
            raise ValueError(f"{name} must be {problem}, not {getattr(record, name)!r}")


def read_text(record: type, name: str, text: str) -> Any:
    """Return the value that `text`, from a command line, has for the switch `name`.

    Raises ValueError, in one line. The range is checked when the record is built.
    """
    rule, default = rules(record)[name]
    if isinstance(default, bool):
        if text.lower() not in _WORDS:
            raise ValueError(f"{name} must be true or false, not {text!r}")
        return _WORDS[text.lower()]
    if isinstance(default, str):
        return text
    try:
        return int(text) if isinstance(default, int) else float(text)
    except ValueError:
        raise ValueError(f"{name} must be {_kind(rule, default)}, not {text!r}") from None


def changed(record: T, changes: Mapping[str, Any]) -> T:
    """Return `record` with `changes`; ValueError, in one line, for an unknown name or a bad value."""
    known = rules(type(record))
    for name in changes:
        if name not in known:
            raise ValueError(f"unknown option {name!r}; known: {', '.join(known)}")
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]  # T is one of our dataclasses


def _problem(value: object, rule: Rule, default: object) -> str | None:
    if isinstance(default, bool) or isinstance(value, bool):
        fits = type(value) is type(default)
    elif isinstance(default, str):
        fits = isinstance(value, str) and (not rule.choices or value in rule.choices)
    else:
        wanted = int if isinstance(default, int) else (int, float)
        fits = isinstance(value, wanted) and rule.minimum <= value <= rule.maximum
        fits = fits and math.isfinite(value)  # type: ignore[arg-type]  # a number by the line above
    return None if fits else _kind(rule, default)


def _kind(rule: Rule, default: object) -> str:
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, str):
        return f"one of {', '.join(rule.choices)}" if rule.choices else "text"
    kind = "a whole number" if isinstance(default, int) else "a number"
    if math.isinf(rule.minimum):
        return kind
    if math.isinf(rule.maximum):
        return f"{kind} of at least {rule.minimum:g}"
    return f"{kind} from {rule.minimum:g} to {rule.maximum:g}"
