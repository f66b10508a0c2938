"""Find the selectors and nodes of PromQL expressions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector, its matchers (label, operator, value), and the expressions around it, outermost first."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    around: tuple[Any, ...]

    @property
    def aggregation(self) -> Any | None:
        """Return the innermost aggregation around it."""
        found = [node for node in self.around if isinstance(node, promql_parser.AggregateExpr)]
        return found[-1] if found else None


def selectors(expression: str) -> list[Selector]:
    """Return all selectors of an expression."""
    return list(_walk(promql_parser.parse(expression), ()))


def nodes(expression: str) -> list[Any]:
    """Return all nodes of an expression."""

    def walk(node: Any) -> Iterator[Any]:
        yield node
        for child in _children(node):
            yield from walk(child)

    return list(walk(promql_parser.parse(expression)))


def _walk(node: Any, around: tuple[Any, ...]) -> Iterator[Selector]:
    if isinstance(node, promql_parser.VectorSelector):
        matchers = tuple(
            (m.name, str(m.op).removeprefix("MatchOp."), m.value) for m in node.matchers.matchers
        )
        yield Selector(node.name or "", matchers, around)
    for child in _children(node):
        yield from _walk(child, (*around, node))


def _children(node: Any) -> list[Any]:
    match node:
        case promql_parser.BinaryExpr():
            return [node.lhs, node.rhs]
        case promql_parser.AggregateExpr() | promql_parser.UnaryExpr():
            return [node.expr]
        case promql_parser.ParenExpr() | promql_parser.SubqueryExpr():
            return [node.expr]
        case promql_parser.Call():
            return list(node.args)
        case promql_parser.MatrixSelector():
            return [node.vector_selector]
        case _:
            return []
