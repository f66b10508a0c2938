"""Close a response, and its connection too when more came than the answer: the next would be taken for it.

RFC 9112, 6.3: what follows an answer must not be taken for another. The HTTP library keeps it for the next
request, which may be another account's.
"""

from collections.abc import Coroutine
from operator import attrgetter
from typing import Any, Final

import httpx

_NOTHING: Final = httpx.ByteStream(b"")
_protocol_of: Final = attrgetter("stream._stream._httpcore_stream._stream._connection._h11_state")
"""The one place that knows how the libraries nest what they keep to themselves. The result is h11's state."""


async def close_response(response: httpx.Response) -> None:
    """Close it. The connection stays open for another request only if nothing is known to follow the body.

    What comes later, while nobody asks for anything, makes the library drop the connection by itself.
    """
    network: Any = response.extensions.get("network_stream")
    try:
        if network is not None:
            protocol = _protocol_of(response)
            if protocol.trailing_data[0] or _has_more(network.read(1)):
                protocol.send_failed()
    except Exception:  # noqa: BLE001 - the library is not the one known here: each connection is used once
        await network.aclose()
    finally:
        await response.aclose()
        # It refers to the response. Without that circle, all that the connection had read is freed now.
        response.stream = _NOTHING


def _has_more(reading: Coroutine[Any, Any, bytes]) -> bool:
    """Return whether bytes, or the end, have come already, which a layer of the connection may hold back.

    Run by hand, because the loop would meanwhile fetch what comes next, and it would be lost from sight.
    """
    try:
        while reading.send(None) is None:
            pass  # it offers others a turn
    except Exception:  # noqa: BLE001 - what cannot be read from is as good as ended
        return True
    finally:
        reading.close()
    return False
