"""Each pinned CID is in the sample with the same probability."""

import random
from collections import Counter

import pytest

from pin_exporter.api.model import Pin
from pin_exporter.inventory.reservoir import Reservoir

PINS = [Pin(id=str(number), cid=f"cid{number}", status="pinned", pinned=True) for number in range(20)]
OTHERS = [
    None,
    Pin(id="a", cid=None, status="pinned", pinned=True),
    Pin(id="b", cid="queued", status="queued", pinned=False),
    Pin(id="c", cid="removed", status="pinned", pinned=False),
]


def sample(seed: int, size: int = 5) -> list[str]:
    reservoir = Reservoir(size, random.Random(seed))
    reservoir.add_pins([*OTHERS, *PINS[:7]])
    reservoir.add_pins([*PINS[7:], *OTHERS])
    return reservoir.cids


def test_each_pinned_cid_has_the_same_chance() -> None:
    rounds = 4_000
    counts = Counter(cid for seed in range(rounds) for cid in sample(seed))
    assert counts.keys() == {pin.cid for pin in PINS}
    for number in counts.values():
        assert number == pytest.approx(rounds * 5 / 20, rel=0.15)


def test_a_short_list_is_taken_whole() -> None:
    assert sorted(sample(1, size=50)) == sorted(str(pin.cid) for pin in PINS)
