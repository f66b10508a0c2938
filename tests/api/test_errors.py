import inspect
import re
from pathlib import Path

import pytest

from pin_exporter.api import errors
from pin_exporter.api.errors import REASONS, HttpStatusError, PollError, RateLimitedError, ServerError
from pin_exporter.toolkit.errors import ExporterError, SettingsError

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
    reasons = {
        name: error.__dict__["reason"] for name, error in POLL_ERRORS.items() if "reason" in vars(error)
    }
    assert reasons
    assert {name: told for name, (_, told) in drawn_tree().items() if name in reasons} == reasons
    told = {name: told for name, (_, told) in drawn_tree().items() if told in REASONS}
    assert told == {name: error.reason for name, error in POLL_ERRORS.items() if hasattr(error, "reason")}


def test_every_reason_belongs_to_one_class_and_every_final_class_to_one_reason() -> None:
    own = [error.__dict__["reason"] for error in POLL_ERRORS.values() if "reason" in vars(error)]
    assert sorted(own) == sorted(REASONS)
    assert all(hasattr(error, "reason") for error in POLL_ERRORS.values() if not error.__subclasses__())
    assert not hasattr(PollError, "reason")
    assert not hasattr(HttpStatusError, "reason")


def test_the_reasons_are_those_of_the_metric_contract() -> None:
    assert sorted(REASONS) == sorted(CONTRACT.split())


def test_one_handler_catches_everything_the_package_raises_on_purpose() -> None:
    assert all(issubclass(error, ExporterError) for error in CLASSES.values())


def test_every_other_exception_class_of_the_package_is_in_the_tree_too() -> None:
    package = Path(inspect.getfile(errors)).parent
    elsewhere = [
        f"{path.name}: {name}"
        for path in package.glob("*.py")
        if path.name != "errors.py"
        for name in re.findall(
            r"^class (\w+)\((?!ValueError)\w*(?:Error|Exception)\)", path.read_text("utf-8"), re.MULTILINE
        )
    ]
    assert elsewhere == []


def test_settings_errors_keep_each_problem_on_its_own() -> None:
    error = SettingsError(["base_url: is missing", "page_size: is too large"])
    assert error.problems == ("base_url: is missing", "page_size: is too large")
    assert str(error) == "base_url: is missing; page_size: is too large"


def test_settings_errors_by_the_thousand_fit_into_a_line_of_the_log() -> None:
    error = SettingsError([f"accounts[{number}]: wrong" for number in range(4_000)])
    assert len(error.problems) == 4_000
    assert str(error).endswith("accounts[8]: wrong; accounts[9]: wrong; and 3990 more")


def test_a_few_settings_problems_are_all_shown() -> None:
    assert str(SettingsError(["x"] * 10)) == "; ".join(["x"] * 10)


@pytest.mark.parametrize("kind", [RateLimitedError, ServerError])
def test_an_error_that_asks_for_patience_says_how_much(kind: type[RateLimitedError | ServerError]) -> None:
    error = kind("wait", status=503, retry_after_seconds=2.5)
    assert (str(error), error.status, error.retry_after_seconds) == ("wait", 503, 2.5)
