"""Make the schema from the settings' own: types and bounds from the models, all scalars also as text."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from dev.grafana.project import ROOT
from pin_exporter.config.settings import AccountSettings, Settings

SCHEMA: Final = ROOT / "docs" / "config.schema.json"
NOT_IN_FILE: Final = frozenset({"config_file"})
"""Settings that the file cannot hold."""
_SWITCH: Final = ("true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "1", "0")
_DURATION: Final = r"^\s*(?:[0-9]+(?:\.[0-9]+)?|(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhdw]))+)\s*$"
_WHOLE_NUMBER: Final = r"^\s*[+-]?[0-9][0-9_]*(?:\.0*)?\s*$"
_BOUNDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def schema_json() -> str:
    """Return the file's content."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """Return the schema, of a draft that editors and Helm know."""
    file = _properties(Settings.model_json_schema())
    account = _closed(_properties(AccountSettings.model_json_schema()))
    file["accounts"]["items"] = {**account, "required": ["name"]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration file of pin-exporter",
        **_closed({name: file[name] for name in file if name not in NOT_IN_FILE}),
    }


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _properties(model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _property(name, given) for name, given in model["properties"].items()}


def _property(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a setting's schema, with its description and default as a person would write them."""
    default = given.get("default")
    if given.get("type") == "number":
        default = f"{default:g}s"
    described = {"description": Settings.model_fields["account" if name == "name" else name].description}
    shown = {} if default in (None, []) else {"default": default}
    return {**described, **_widened(given), **shown}


def _widened(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the loader takes of a type: it reads all scalars as text."""
    if "anyOf" in given:
        return {"anyOf": [_widened(each) for each in given["anyOf"]]}
    if "enum" in given:
        in_any_case = {"type": "string", "pattern": _in_any_case(given["enum"])}
        return {"anyOf": [{"enum": given["enum"]}, in_any_case]}
    kept = {
        key: given[key]
        for key in ("pattern", "items", "minItems", "uniqueItems", "minimum", "maximum")
        if key in given
    }
    bounds = {_BOUNDS[key]: given[key] for key in _BOUNDS if key in given}
    forms = {
        "boolean": {
            "type": ["boolean", "integer", "string"],
            "pattern": _in_any_case(_SWITCH),
            "minimum": 0,
            "maximum": 1,
        },
        "number": {"type": ["number", "string"], "pattern": _DURATION, **bounds},  # each is a duration
        "integer": {"type": ["integer", "string"], "pattern": _WHOLE_NUMBER, **kept},
        "string": {"type": _kinds_of_text(given.get("pattern", "")), **kept},
    }
    kind = given["type"]
    return forms[kind] if isinstance(kind, str) and kind in forms else {"type": kind, **kept}


def _kinds_of_text(pattern: str) -> list[str]:
    """Return the types that a text may have in YAML, unless none of their words fits the pattern."""
    words = {"string": None, "number": "1", "boolean": "true"}
    return [kind for kind, word in words.items() if word is None or re.search(pattern, word)]


def _in_any_case(words: Iterable[str]) -> str:
    """Return a pattern for words, without the flag that not every dialect has."""
    told = ("".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word) for word in words)
    return f"^(?:{'|'.join(told)})$"
