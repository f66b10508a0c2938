"""A short `make fuzz`; a failure says how to repeat it."""

import random

import pytest

from tests.fuzz.fuzzing import Fuzzing
from tests.fuzz.targets import TARGETS, Target

TOTAL_SECONDS = 28.0


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_external_input_causes_only_our_own_exceptions(target: Target) -> None:
    fuzzing = Fuzzing(target, random.SystemRandom().randrange(10**9))
    fuzzing.run(TOTAL_SECONDS / len(TARGETS))
    assert fuzzing.executions >= 10
