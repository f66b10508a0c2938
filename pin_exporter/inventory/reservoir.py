"""A random sample of the pinned CIDs of a list whose length is not known in advance."""

import random
from collections.abc import Iterable

from pin_exporter.api.model import Phase, Pin


class Reservoir:
    """Keeps at most `size` CIDs, each pin with the same probability (Vitter's algorithm R)."""

    def __init__(self, size: int, rng: random.Random) -> None:
        self.cids: list[str] = []
        self._size = size
        self._rng = rng
        self._seen = 0

    def add_pins(self, pins: Iterable[Pin | None]) -> None:
        """Offer pins to the sample; those that are not pinned, or have no CID, are no part of it."""
        for pin in pins:
            if pin is None or not pin.cid or pin.phase is not Phase.PINNED:
                continue
            self._seen += 1
            if len(self.cids) < self._size:
                self.cids.append(pin.cid)
            elif (place := self._rng.randrange(self._seen)) < self._size:
                self.cids[place] = pin.cid
