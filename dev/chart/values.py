"""Read values.yaml with its comments: the comment above a value documents it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Value:
    """A documented value: its path, default, comment, and the heading that it stands under."""

    path: tuple[str, ...]
    default: Any
    comment: str
    heading: str

    @property
    def name(self) -> str:
        """Return the path as Helm's --set writes it."""
        return ".".join(self.path)


def read_values(path: Path) -> list[Value]:
    """Return all documented values in the file's order.

    A mapping without a comment is a group, and its members are values; one with a comment is a value as a
    whole. Raises ValueError for what is neither.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # noqa: S101 - for the type checker
    return list(_values(root, yaml.safe_load(text), (), lines))


def _values(
    node: yaml.MappingNode, defaults: dict[str, Any], parent: tuple[str, ...], lines: list[str]
) -> Iterator[Value]:
    for key, child in node.value:
        path = (*parent, key.value)
        default = defaults[key.value]
        comment = _comment_above(key.start_mark.line, lines)
        if comment:
            yield Value(path, default, comment, _heading_above(key.start_mark.line, lines))
        elif isinstance(child, yaml.MappingNode) and child.value:
            yield from _values(child, default, path, lines)
        else:
            raise ValueError(f"values.yaml:{key.start_mark.line + 1}: {'.'.join(path)} has no comment")


def _comment_above(line: int, lines: list[str]) -> str:
    first = line
    while first and lines[first - 1].lstrip().startswith("# "):
        first -= 1
    return " ".join(text.strip().removeprefix("#").strip() for text in lines[first:line])


def _heading_above(line: int, lines: list[str]) -> str:
    return next((text[3:] for text in reversed(lines[:line]) if text.startswith("## ")), "")
