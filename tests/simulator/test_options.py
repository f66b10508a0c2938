from collections.abc import Callable

import pytest

from pin_exporter.simulator.faults import Fault
from pin_exporter.simulator.options import Behaviour, Churn, Faults, Population, read

from .harness import account


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: read(Population, {"failed_share": 1.5}), "`$.failed_share`"),
        (lambda: Population(failed_share=0.6, unknown_share=0.6), "must not exceed 1 in total"),
        (lambda: read(Behaviour, {"max_limit": "-1"}), "`$.max_limit`"),
        (lambda: read(Behaviour, {"vocabulary": "1999"}), "`$.vocabulary`"),
        (lambda: read(Churn, {"insert_rate": "nan"}), "`$.insert_rate`"),
        (lambda: Faults(not_json_rate=0.7, redirect_rate=0.7), "must not exceed 1 in total"),
        (lambda: account().configure(behaviour={"colour": "red"}), "unknown field `colour`"),
        (lambda: account().configure(churn={"max_pins": 1.5}), "`$.max_pins`"),
        (lambda: account().configure(faults={"not_json_rate": 2}), "`$.not_json_rate`"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is checked below
        build()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_texts_are_read_by_the_type_of_the_option() -> None:
    read_values = read(Behaviour, {"ties_swap": "true", "unknown_word": "3", "max_limit": "3"})

    assert read_values == Behaviour(ties_swap=True, unknown_word="3", max_limit=3)


def test_every_fault_has_a_rate() -> None:
    assert list(Faults().rates()) == list(Fault)
