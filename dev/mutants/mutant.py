"""What a mutant is: one mistake that somebody could make in the generator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake: `old`, which stands in a module of `dev/grafana/` exactly once, becomes `new`."""

    mistake: str
    module: str
    old: str
    new: str
