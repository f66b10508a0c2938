import pytest

from pin_exporter.toolkit.errors import SettingsError, did_you_mean


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("poll_intervall", ": did you mean poll_interval?"),
        ("pol_interval", ": did you mean poll_interval?"),
        ("poll_interval" + "x" * 100_000, ""),
        ("something_else", ""),
        ("", ""),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(name: str, hint: str) -> None:
    assert did_you_mean(name, ("log_level", "poll_interval")) == hint


def test_a_suggestion_has_a_prefix_that_is_not_compared() -> None:
    assert did_you_mean("EVEL", ["LEVEL"], prefix="APP_") == ": did you mean APP_LEVEL?"
    assert did_you_mean("X", ["LEVEL"], prefix="APP_") == ""


def test_many_problems_make_a_short_text() -> None:
    error = SettingsError(["wrong"] * 1_000)
    assert len(error.problems) == 1_000
    assert str(error) == "; ".join([*["wrong"] * 10, "and 990 more"])
