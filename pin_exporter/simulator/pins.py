"""The part of an account that never changes: each pin, derived from the seed and its serial number."""

import hashlib
import math
import random
from array import array
from functools import lru_cache
from typing import Any

from pin_exporter.simulator.options import Population

NANOSECONDS = 1_000_000_000
HISTORY_NS = 2 * 365 * 86400 * NANOSECONDS
TIE_GROUP = 16
"""Maximum number of rows with the same creation time."""

_BITS_24 = 0xFFFFFF
_SMALLEST, _LARGEST = 100, 50 * 10**9
_SIZES = [round(_SMALLEST * math.exp(math.log(_LARGEST / _SMALLEST) * step / 65535)) for step in range(65536)]
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE58_PAIRS, _BASE32_PAIRS = (
    [first + second for first in alphabet for second in alphabet] for alphabet in (_BASE58, _BASE32)
)
_SHA2_256 = b"\x12\x20"
_DAG_PB, _RAW = b"\x01\x70", b"\x01\x55"
# Two valid dag-pb nodes around 32 random bytes: a file with these bytes, and a directory with one raw block.
_FILE_NODE = b"\x0a\x26\x08\x02\x12\x20", b"\x18\x20"
_DIRECTORY_NODE = b"\x12\x2e\x0a\x24\x01\x55\x12\x20", b"\x12\x04file\x18\x20\x0a\x02\x08\x01"
_KINDS = (
    ("clip", ".mp4", "video/mp4"),
    ("photo", ".jpg", "image/jpeg"),
    ("token", ".json", "application/json"),
    ("backup", ".tar.gz", "application/gzip"),
)


class Pins:
    """All pins an account ever had, by serial number in order of creation.

    Only one random 8-byte word is kept per pin, so that a million pins start fast. IDs, CIDs and names are
    computed on demand.
    """

    def __init__(self, seed: str, pins: int, population: Population, now_ns: int) -> None:
        self._key = hashlib.sha256(seed.encode()).digest()
        self.user_id = _uuid(self._key[:16].hex())
        self._words_rng = random.Random(seed)
        self._words = array("Q", self._words_rng.randbytes(8 * pins))
        self._initial = pins
        self._now_ns = now_ns
        self._first_ns = now_ns - HISTORY_NS
        self._step_ns = HISTORY_NS // max(1, pins)
        self._inserted_ns = array("q")
        self._duplicates = int(population.duplicate_share * (_BITS_24 + 1))
        self._ties = int(population.tie_share * (_BITS_24 + 1))
        self._by_cid = int(population.by_cid_share * (_BITS_24 + 1))
        self._directories = int(population.directory_share * (_BITS_24 + 1))
        self._digest = lru_cache(maxsize=4096)(self._compute_digest)

    def __len__(self) -> int:
        return len(self._words)

    def append(self, now_ns: int) -> int:
        """Create a pin at `now_ns` and return its serial number."""
        serial = len(self._words)
        self._words.append(int.from_bytes(self._words_rng.randbytes(8), "little"))
        before = self.created_ns(serial - 1) if serial else 0
        self._inserted_ns.append(before if self._is_tied(serial) else max(now_ns, before + 1000))
        return serial

    def created_ns(self, serial: int) -> int:
        """Return the creation time, in nanoseconds since 1970; ascends with the serial number."""
        if serial >= self._initial:
            return self._inserted_ns[serial - self._initial]
        while self._is_tied(serial):
            serial -= 1
        jitter_ns = self._step_ns * (self._words[serial] >> 16 & _BITS_24) >> 24
        return self._first_ns + self._step_ns * serial + jitter_ns

    def stored_ns(self, serial: int) -> int:
        """Return when the pin finished, some minutes after creation, if that was before the simulation."""
        created = self.created_ns(serial)
        delay = (self._words[serial] & 0xFFFF) * (NANOSECONDS // 100)
        return min(created + delay, max(self._now_ns, created))

    def removed_ns(self, serial: int) -> int:
        """Return when the pin was removed, if that was before the simulation."""
        stored = self.stored_ns(serial)
        return stored + max(0, self._now_ns - stored) * (self._words[serial] & 0xFFFF) // 65536

    def content(self, serial: int) -> int:
        """Return the serial number of the first pin with the same content."""
        while serial and (self._words[serial] >> 16 & _BITS_24) < self._duplicates:
            serial = self._words[serial] % serial
        return serial

    def size_bytes(self, serial: int) -> int:
        """Return the size of the content; equal CIDs have equal sizes."""
        return _SIZES[self._words[self.content(serial)] & 0xFFFF]

    def is_by_cid(self, serial: int) -> bool:
        """Return whether the pin was added by CID instead of uploaded."""
        return self._by_cid > 0 and int.from_bytes(self._digest(serial)[32:35]) < self._by_cid

    def is_directory(self, serial: int) -> bool:
        """Return whether the content is a directory."""
        return (
            self._directories > 0
            and int.from_bytes(self._digest(self.content(serial))[35:38]) < self._directories
        )

    def trait(self, serial: int, number: int) -> int:
        """Return one of eight random bytes of this pin, for small decisions."""
        return self._digest(serial)[38 + number]

    def row_id(self, serial: int) -> str:
        """Return the pin's id, a UUID of version 4."""
        return _uuid(self._digest(serial)[:16].hex())

    def record_id(self, serial: int) -> str:
        """Return the id of the pin's file record, a UUID of version 4."""
        return _uuid(self._digest(serial)[16:32].hex())

    def cid(self, serial: int) -> str:
        """Return the CID of the root block: version 0, or version 1 of a tree (bafy) or raw block (bafk)."""
        content = self.content(serial)
        multihash = _SHA2_256 + hashlib.sha256(self.block(content)).digest()
        if self._digest(content)[46] % 5 < 2:
            return _base58(multihash)
        value = (_RAW if self._is_raw(content) else _DAG_PB) + multihash
        number = int.from_bytes(value) << 2  # 58 digits have two bits more
        return "b" + "".join([_BASE32_PAIRS[number >> shift & 1023] for shift in range(280, -1, -10)])

    def block(self, serial: int) -> bytes:
        """Return the root block of the content."""
        content = self.content(serial)
        data = self._digest(content)[48:80]
        if self._is_raw(content):
            return data
        first, last = _DIRECTORY_NODE if self.is_directory(content) else _FILE_NODE
        return first + data + last

    def content_share(self, serial: int) -> float:
        """Return a random number from 0 to below 1, the same for equal contents."""
        return int.from_bytes(self._digest(self.content(serial))[80:83]) / (_BITS_24 + 1)

    def root_hash(self, serial: int) -> str:
        """Return a SHA-256 multihash, which is not that of the CID: nor is it in the documentation."""
        return f"1220{self._digest(self.content(serial))[16:48].hex()}"

    def metadata(self, serial: int, *, directory: bool = False) -> dict[str, Any]:
        """Return the pin's `metadata`: a name, a type for most files, key-values for some pins."""
        trait = self.trait(serial, 0)
        stem, suffix, media_type = _KINDS[trait % len(_KINDS)]
        metadata: dict[str, Any] = {"name": f"{stem}-{serial:07d}{'' if directory else suffix}"}
        if not directory and trait & 0x18:
            metadata["type"] = media_type
        if trait >= 0xE0:
            metadata["keyvalues"] = {"project": stem, "batch": str(serial // 1000)}
        return metadata

    def _is_raw(self, content: int) -> bool:
        return self._digest(content)[46] % 5 == 2 and not self.is_directory(content)

    def _is_tied(self, serial: int) -> bool:
        # Groups are bounded, so that `created_ns` finds the first pin of a group fast.
        return serial % TIE_GROUP != 0 and self._words[serial] >> 40 < self._ties

    def _compute_digest(self, serial: int) -> bytes:
        return hashlib.shake_128(self._key + serial.to_bytes(8)).digest(100)


def _base58(value: bytes) -> str:
    """Return bytes in base58; the first one must not be zero."""
    number, pairs = int.from_bytes(value), list[str]()
    while number:
        number, ten_digits = divmod(number, 58**10)  # small numbers are faster
        for _ in range(5):
            ten_digits, pair = divmod(ten_digits, 58**2)
            pairs.append(_BASE58_PAIRS[pair])
    return "".join(reversed(pairs)).lstrip(_BASE58[0])


def _uuid(hexadecimal: str) -> str:
    h = hexadecimal
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
