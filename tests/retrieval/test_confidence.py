"""The lower bound of Wilson's score interval, against published values."""

import pytest

from pin_exporter.retrieval.confidence import lower_bound


@pytest.mark.parametrize(
    ("successes", "samples", "expected"),
    [
        (50, 100, 0.4038),
        (10, 10, 0.7225),
        (0, 10, 0.0),
        (1, 10, 0.0179),
        (1440, 1440, 0.99734),
        (95, 100, 0.8882),
    ],
)
def test_the_bound_is_as_published(successes: int, samples: int, expected: float) -> None:
    assert lower_bound(successes, samples) == pytest.approx(expected, abs=5e-5)


def test_without_samples_nothing_is_known() -> None:
    assert lower_bound(0, 0) is None
