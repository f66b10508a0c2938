"""A short `make fuzz`; a failure says how to repeat it."""

import random

import pytest

from tests.fuzz.fuzzing import Fuzzing
from tests.fuzz.targets import TARGETS, Target, check_line

TOTAL_SECONDS = 28.0


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_external_input_causes_only_our_own_exceptions(target: Target) -> None:
    fuzzing = Fuzzing(target, random.SystemRandom().randrange(10**9))
    fuzzing.run(TOTAL_SECONDS / len(TARGETS))
    assert fuzzing.executions >= 10


def test_a_failure_says_how_to_repeat_it() -> None:
    def check(material: object) -> None:
        assert not isinstance(material, bytes) or len(material) < 5

    failing = Target("failing", TARGETS[1].material, check)
    with pytest.raises(AssertionError) as caught:
        Fuzzing(failing, 7).run(60)
    assert "--target='failing'" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "line", ["", "two\nlines", "tab\t", "x" * 2_000, "tEsTqZ7Wm3Kx9Vb2Rj5Hd8Lp", "\u2028"]
)
def test_check_line_rejects_what_is_not_one_line_without_keys(line: str) -> None:
    with pytest.raises(AssertionError):
        check_line(line)
