import inspect
import re

from pin_exporter.api import errors
from pin_exporter.api.errors import REASONS, HttpStatusError, PollError
from pin_exporter.toolkit.errors import ExporterError

CLASSES = {
    name: error
    for name, error in vars(errors).items()
    if inspect.isclass(error) and error.__module__ == errors.__name__
}
POLL_ERRORS = {name: error for name, error in CLASSES.items() if issubclass(error, PollError)}
CONTRACT = (
    "timeout connection tls unauthorized forbidden rate_limited client_error server_error redirect malformed "
    "inconsistent"
)


def drawn_tree() -> dict[str, tuple[str | None, str]]:
    """Read the docstring's tree: each class, the one above it, and the rest of its line."""
    tree: dict[str, tuple[str | None, str]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.fullmatch(r"([ │├└─]*)([A-Z]\w+Error|Error)\b\s*(.*)", line):
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            tree[match[2]] = (above[depth - 1] if depth else None, match[3])
    return tree


def test_the_tree_in_the_docstring_shows_every_class_below_its_base() -> None:
    drawn = {name: above for name, (above, _) in drawn_tree().items()}
    bases = {name: error.__bases__[0].__name__ for name, error in CLASSES.items()}
    assert drawn == {**bases, "PollError": None}
    assert PollError.__bases__ == (ExporterError,)


def test_the_tree_in_the_docstring_shows_every_reason() -> None:
    shown = {name: reason for name, (_, reason) in drawn_tree().items() if reason in REASONS}
    assert shown == {name: error.reason for name, error in POLL_ERRORS.items() if hasattr(error, "reason")}


def test_every_reason_belongs_to_one_class_and_every_final_class_to_one_reason() -> None:
    own = [error.__dict__["reason"] for error in POLL_ERRORS.values() if "reason" in vars(error)]
    assert sorted(own) == sorted(REASONS)
    assert all(hasattr(error, "reason") for error in POLL_ERRORS.values() if not error.__subclasses__())
    assert not hasattr(HttpStatusError, "reason")


def test_the_reasons_are_those_of_the_metric_contract() -> None:
    assert sorted(REASONS) == sorted(CONTRACT.split())
