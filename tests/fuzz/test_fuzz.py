"""A little of `make fuzz` with each run of the tests; what fails tells how to have it again."""

import random

import pytest

from tests.fuzz.fuzzing import Fuzzing
from tests.fuzz.targets import TARGETS, Target, check_line

SECONDS_IN_ALL = 28.0


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_nothing_but_errors_of_our_own_comes_of_what_comes_from_outside(target: Target) -> None:
    fuzzing = Fuzzing(target, random.SystemRandom().randrange(10**9))
    fuzzing.run(SECONDS_IN_ALL / len(TARGETS))
    assert fuzzing.executions >= 10


def test_a_target_that_fails_tells_how_to_have_it_again() -> None:
    def check(material: object) -> None:
        assert not isinstance(material, bytes) or len(material) < 5

    spoilt = Target("spoilt", TARGETS[1].material, check)
    with pytest.raises(AssertionError) as caught:
        Fuzzing(spoilt, 7).run(60)
    assert "--target='spoilt'" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "line", ["", "two\nlines", "tab\t", "x" * 2_000, "tEsTqZ7Wm3Kx9Vb2Rj5Hd8Lp", "\u2028"]
)
def test_a_line_that_is_none_for_an_operator_is_noticed(line: str) -> None:
    with pytest.raises(AssertionError):
        check_line(line)
