from collections.abc import Callable

import pytest

from pin_exporter.simulator import Behaviour, Churn, Fault, Faults, Population
from pin_exporter.simulator.options import options_of, parse

from .harness import account


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Population(failed_share=1.5), "failed_share must be a number from 0 to 1, not 1.5"),
        (lambda: Population(failed_share=0.6, unknown_share=0.6), "must not exceed 1 in total"),
        (lambda: Behaviour(max_limit=-1), "max_limit must be a whole number of at least 0, not -1"),
        (lambda: Behaviour("1999"), "vocabulary must be one of 2023, 2024, mixed, not '1999'"),  # type: ignore[arg-type]
        (lambda: Behaviour(ties_swap=1), "ties_swap must be true or false, not 1"),  # type: ignore[arg-type]
        (lambda: Behaviour(files_offset=1.5), "files_offset must be a whole number, not 1.5"),  # type: ignore[arg-type]
        (lambda: Behaviour(unknown_word=3), "unknown_word must be text, not 3"),  # type: ignore[arg-type]
        (lambda: Churn(insert_rate=float("nan")), "insert_rate must be a number from 0 to 1e"),
        (lambda: Faults(not_json_rate=0.7, redirect_rate=0.7), "must not exceed 1 in total"),
        (lambda: account().set_behaviour(colour="red"), "unknown option 'colour'"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is checked below
        build()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_choices_come_from_the_annotation() -> None:
    assert options_of(Behaviour)["vocabulary"].choices == ("2023", "2024", "mixed")
    assert options_of(Faults)["requests_per_minute"].choices == ()


def test_texts_are_parsed_by_the_type_of_the_default() -> None:
    assert parse(Behaviour, "ties_swap", "Yes") is True
    assert parse(Behaviour, "unknown_word", "3") == "3"
    assert parse(Behaviour, "max_limit", "3") == 3
    assert parse(Faults, "latency_seconds", "3") == 3.0


def test_every_fault_has_a_rate() -> None:
    assert list(Faults().rates()) == list(Fault)
