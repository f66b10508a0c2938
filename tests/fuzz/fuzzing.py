"""Run targets for a time, in rounds, each with a seed of its own by which it can be run again."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import Target

EXAMPLES_A_ROUND = 100
LONGEST_CPU_SECONDS = 30.0
"""No material that small may take as long; this is processor time, which a busy machine does not stretch."""


@dataclass
class Fuzzing:
    """One target, and how often it was tried."""

    target: Target
    first_seed: int
    executions: int = 0

    def run(self, seconds: float) -> None:
        """Try until the time is over; fail with the seed of the round."""
        for number in _seeds(self.first_seed, seconds):
            try:
                self.round(number)
            except BaseException as error:
                error.add_note(f"again: python -m tests.fuzz --seed={number} --target={self.target.name!r}")
                raise

    def round(self, number: int) -> None:
        """Try some material, the same for the same number."""

        @seed(number)
        @settings(
            max_examples=EXAMPLES_A_ROUND,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(self.target.material)
        def attempt(material: object) -> None:
            self.executions += 1
            began = time.process_time()
            self.target.check(material)
            assert time.process_time() - began < LONGEST_CPU_SECONDS

        attempt()


def _seeds(first: int, seconds: float) -> Iterator[int]:
    ends = time.monotonic() + seconds
    number = first
    while time.monotonic() < ends:
        yield number
        number += 1
