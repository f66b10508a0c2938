"""Make the tables of settings, and put all that is generated into its documents."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from dev.project import ROOT
from dev.settings.example import example
from dev.settings.schema import schema
from pin_exporter.config.names import FLAGS, default_of, variable_of
from pin_exporter.config.settings import ACCOUNT_KEYS, AccountSettings, Settings

README: Final = ROOT / "README.md"
REFERENCE: Final = ROOT / "docs" / "configuration.md"
EXAMPLE: Final = ROOT / "docs" / "config.example.yml"
SCHEMA: Final = ROOT / "docs" / "config.schema.json"


def documents() -> Mapping[Path, str]:
    """Return the content of each document with something generated."""
    return {
        EXAMPLE: example(),
        SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        REFERENCE: _with_tables(REFERENCE.read_text(encoding="utf-8")),
        README: _with_rows(README.read_text(encoding="utf-8")),
    }


def _with_tables(text: str) -> str:
    """Return the reference with new tables, each after a comment that names it."""
    shared = list(AccountSettings.model_fields)
    tables = {
        "accounts and keys": _table(name for name in Settings.model_fields if name in ACCOUNT_KEYS),
        "account settings": _table(shared),
        "exporter settings": _table(
            (name for name in Settings.model_fields if name not in {*ACCOUNT_KEYS, *shared}), has_flags=True
        ),
    }
    for title, lines in tables.items():
        before, comment, rest = text.partition(f"<!-- {title}: `make settings` writes this table -->\n")
        text = before + comment + "\n".join(lines) + "".join(rest.partition("\n\n")[1:])
    return text


def _with_rows(text: str) -> str:
    """Return README with new rows in its table, which lists the most important settings."""
    before, comment, rest = text.partition("<!-- settings: `make settings` fills in the rows -->\n")
    table, *after = rest.partition("\n\n")
    table = re.sub(r"^\| `(\w+)` \|.*$", lambda row: _row(row[1], []), table, flags=re.MULTILINE)
    return "".join([before, comment, table, *after])


def _table(names: Iterable[str], *, has_flags: bool = False) -> Iterable[str]:
    yield f"| setting |{' flag |' if has_flags else ''} variable | default | description |"
    yield f"|---|{'---|' if has_flags else ''}---|---|---|"
    for name in names:
        flag = [f"`{FLAGS[name].name}`"] if has_flags else []
        variable = "-" if name == "accounts" else f"`{variable_of(name)}`"
        yield _row(name, [*flag, variable])


def _row(name: str, more: Iterable[str]) -> str:
    default = default_of(name)
    cells = [f"`{name}`", *more, f"`{default}`" if default else "-", Settings.model_fields[name].description]
    return f"| {' | '.join(map(str, cells))} |"
