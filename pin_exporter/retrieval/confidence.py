"""What a sample says about the whole."""

from math import sqrt
from typing import Final

_Z: Final = 1.959964
"""The quantile of the normal distribution for a confidence of 95 %, on both sides."""


def lower_bound(successes: int, samples: int) -> float | None:
    """Return the share that, with 95 % confidence, is at least reached by the whole; None without samples.

    The lower bound of Wilson's score interval, which is never 1 and also holds for few failures.
    """
    if samples == 0:
        return None
    share, z2 = successes / samples, _Z**2
    middle = share + z2 / (2 * samples)
    margin = _Z * sqrt(share * (1 - share) / samples + z2 / (4 * samples**2))
    return max(0.0, (middle - margin) / (1 + z2 / samples))
