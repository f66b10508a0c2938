"""A mutant: a deliberate mistake in the generator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake: `old`, which occurs exactly once in a module of `dev/grafana/`, becomes `new`."""

    mistake: str
    module: str
    old: str
    new: str
