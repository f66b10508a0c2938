"""Check that a block is the one that a CID names."""

import hashlib
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Final

from pin_exporter.inventory.cid import InvalidCidError, check_multihash, cid_value

_FUNCTIONS: Final[Mapping[int, Callable[[bytes], bytes]]] = {
    0x00: bytes,
    0x12: lambda block: hashlib.sha256(block).digest(),
    0x13: lambda block: hashlib.sha512(block).digest(),
    0x16: lambda block: hashlib.sha3_256(block).digest(),
    0xB220: lambda block: hashlib.blake2b(block, digest_size=32).digest(),
}
"""By their codes in the multicodec table."""


class UnverifiableError(ValueError):
    """The CID is not valid, or its hash function is not known here."""


def is_block_of(cid: str, block: bytes) -> bool:
    """Return whether a block has the hash in a CID. Raises UnverifiableError if that cannot be checked."""
    try:
        function, digest = check_multihash(cid_value(cid))
    except InvalidCidError as error:
        raise UnverifiableError(f"it is not a CID: {error}") from None
    if function not in _FUNCTIONS:
        raise UnverifiableError(f"its hash function 0x{function:x} is not supported")
    return compare_digest(_FUNCTIONS[function](block), digest)
