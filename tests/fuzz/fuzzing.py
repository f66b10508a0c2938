"""Fuzz a target in rounds, each with its own seed, by which it can be repeated."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import Target

EXAMPLES_PER_ROUND = 100
MAX_CPU_SECONDS = 30.0
"""Maximum for one example; CPU time does not depend on the load of the machine."""


@dataclass
class Fuzzing:
    """One target, and the number of examples so far."""

    target: Target
    first_seed: int
    executions: int = 0

    def run(self, seconds: float) -> None:
        """Run rounds until the time is over; a failure names the seed of its round."""
        for number in _seeds(self.first_seed, seconds):
            try:
                self.round(number)
            except BaseException as error:
                error.add_note(
                    f"repeat with: python -m tests.fuzz --seed={number} --target={self.target.name!r}"
                )
                raise

    def round(self, number: int) -> None:
        """Run one round; the same seed generates the same examples."""

        @seed(number)
        @settings(
            max_examples=EXAMPLES_PER_ROUND,
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
            assert time.process_time() - began < MAX_CPU_SECONDS

        attempt()


def _seeds(first: int, seconds: float) -> Iterator[int]:
    ends = time.monotonic() + seconds
    number = first
    while time.monotonic() < ends:
        yield number
        number += 1
