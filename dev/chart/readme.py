"""Make the tables of values in the chart's read-me file."""

import json
from itertools import groupby
from typing import Any, Final

from dev.chart.values import Value

_MARK: Final = "<!-- from here on made by `make chart` -->\n"


def readme_md(current: str, values: list[Value]) -> str:
    """Return README.md with what is below the mark made anew. Raises ValueError where there is no mark."""
    text, mark, _ = current.partition(_MARK)
    if not mark:
        raise ValueError("README.md has lost its mark")
    return (
        text
        + mark
        + "".join(
            f"\n### {heading}\n\n| value | default | meaning |\n|---|---|---|\n{''.join(map(_row, group))}"
            for heading, group in groupby(values, key=lambda value: value.heading)
        )
    )


def _row(value: Value) -> str:
    return f"| `{value.name}` | {_shown(value.default)} | {value.comment} |\n"


def _shown(default: Any) -> str:
    if default in ("", None) or default in ([], {}):
        return "-"
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"
