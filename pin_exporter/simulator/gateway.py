"""An IPFS gateway that serves the root blocks of the pins."""

from collections import defaultdict
from typing import NamedTuple

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from pin_exporter.simulator.options import Faults
from pin_exporter.simulator.pins import Pins
from pin_exporter.simulator.state import PINNED, PinStates

RAW_BLOCK = "application/vnd.ipld.raw"
_NOT_FOUND = "ipfs: block not found\n"
_PAGE = "<html><head><title>Index of /ipfs</title></head><body>a file, not a block</body></html>\n"


class Block(NamedTuple):
    """A block, and a number from 0 to below 1 that decides what goes wrong with it."""

    content: bytes
    share: float


class Blocks:
    """The root blocks of what is pinned, by CID as the list spells it.

    The first search looks at every pin, later ones only at new pins.
    """

    def __init__(self, pins: Pins, states: PinStates) -> None:
        self._pins = pins
        self._states = states
        self._indexed = 0
        self._contents: dict[int, int] = {}
        self._duplicates: defaultdict[int, list[int]] = defaultdict(list)

    def find(self, cid: str) -> Block | None:
        """Return the root block of a CID, None unless a pin with it is pinned."""
        self._index_new_pins()
        content = self._contents.get(hash(cid))
        if content is None or self._pins.cid(content) != cid:
            return None
        serials = (content, *self._duplicates.get(content, ()))
        if not any(self._states.states[serial] in PINNED for serial in serials):
            return None
        return Block(self._pins.block(content), self._pins.content_share(content))

    def _index_new_pins(self) -> None:
        for serial in range(self._indexed, len(self._pins)):
            content = self._pins.content(serial)
            if content == serial:
                self._contents[hash(self._pins.cid(serial))] = serial
            else:
                self._duplicates[content].append(serial)
        self._indexed = len(self._pins)


def gateway_response(block: Block | None, faults: Faults, *, wants_raw: bool) -> Response:
    """Return the response to a request for a block."""
    if block is None:
        return PlainTextResponse(_NOT_FOUND, 404)
    content, share = block
    share -= faults.gateway_not_found_share
    if share < 0:
        return PlainTextResponse(_NOT_FOUND, 404)
    share -= faults.gateway_limited_share
    if share < 0:
        return PlainTextResponse("too many requests\n", 429)
    if faults.gateway_html or not wants_raw:
        return HTMLResponse(_PAGE)
    if share < faults.gateway_corrupt_share:
        content = content[:-1] + bytes([content[-1] ^ 1])
    return Response(content, media_type=RAW_BLOCK)
