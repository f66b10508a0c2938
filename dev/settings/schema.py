"""Make the JSON schema of the config file from the settings' types; every scalar may also be text."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pin_exporter.config.names import default_of
from pin_exporter.config.settings import AccountEntry, Settings

NOT_IN_FILE: Final = frozenset({"config_file"})
"""Settings that the file cannot hold."""
_SWITCH: Final = ("true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "1", "0")
_DURATION: Final = r"^\s*(?:[0-9]+(?:\.[0-9]+)?|(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhdw]))+)\s*$"
_WHOLE_NUMBER: Final = r"^\s*[+-]?[0-9][0-9_]*(?:\.0*)?\s*$"
_BOUNDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def schema() -> dict[str, Any]:
    """Return the schema, of a draft that editors and Helm know."""
    file = _properties(Settings.model_json_schema())
    for name in file:
        if default := default_of(name):
            is_text = isinstance(Settings.model_fields[name].default, str | float | tuple)
            file[name]["default"] = default if is_text else Settings.model_fields[name].default
    entry = _closed(_properties(AccountEntry.model_json_schema()))
    file["accounts"]["items"] = {**entry, "required": ["name"]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Config file of pin-exporter",
        **_closed({name: file[name] for name in file if name not in NOT_IN_FILE}),
    }


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _properties(model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {"description": given["description"], **_accepted(given)}
        for name, given in model["properties"].items()
    }


def _accepted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the loader accepts for a type: it reads all scalars as text, and ignores empty values."""
    if "anyOf" in given:
        (given,) = (each for each in given["anyOf"] if each["type"] != "null")
    if "enum" in given:
        in_any_case = {"type": "string", "pattern": _in_any_case(given["enum"])}
        return {"anyOf": [{"enum": [*given["enum"], None]}, in_any_case]}
    kept = {
        key: given[key]
        for key in ("pattern", "items", "minItems", "uniqueItems", "minimum", "exclusiveMinimum", "maximum")
        if key in given
    }
    bounds = {_BOUNDS[key]: given[key] for key in _BOUNDS if key in given}
    by_type: dict[str, dict[str, Any]] = {
        "boolean": {
            "type": ["boolean", "integer", "string"],
            "pattern": _in_any_case(_SWITCH),
            "minimum": 0,
            "maximum": 1,
        },
        "number": {"type": ["number", "string"], "pattern": _DURATION, **bounds},  # all are durations
        "integer": {"type": ["integer", "string"], "pattern": _WHOLE_NUMBER, **kept},
        "string": {"type": _types_of_text(given.get("pattern", "")), **kept},
    }
    kinds = given["type"]
    if "array" in kinds and "string" in kinds:  # a text, or several
        texts = _types_of_text(given.get("pattern", ""))
        accepted = {**kept, "type": [*texts, *(kind for kind in kinds if kind != "string")]}
        accepted["items"] = {**given["items"], "type": _types_of_text(given["items"].get("pattern", ""))}
    else:
        accepted = by_type.get(str(kinds), {"type": kinds, **kept})
    types = accepted["type"]
    return {**accepted, "type": [*([types] if isinstance(types, str) else types), "null"]}


def _types_of_text(pattern: str) -> list[str]:
    """Return the types that a text may have in YAML, unless none of their words fits the pattern."""
    words = {"string": None, "number": "1", "boolean": "true"}
    return [kind for kind, word in words.items() if word is None or re.search(pattern, word)]


def _in_any_case(words: Iterable[str]) -> str:
    """Return a pattern for words, without the flag that not every dialect has."""
    spelt = ("".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word) for word in words)
    return f"^(?:{'|'.join(spelt)})$"
