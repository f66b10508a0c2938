"""CIDs by value: the same content has many spellings, as CIDv0 or v1 and in several bases.

Written for speed, since every pin is looked at: 1 to 4 µs per CID. Libraries take 40 to 900 µs.
"""

from typing import Final

MAX_LENGTH: Final = 1_024
"""The longest text that is read as a CID. Only identity CIDs, which contain their data, can be longer."""
SHA2_256: Final = 0x12
_DAG_PB: Final = b"\x70"
_SHA2_256_OF_32: Final = b"\x12\x20"
"""Function and length of nearly all hashes, which need no closer look."""
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_PAIRS: Final = {
    first + second: 58 * high + low
    for high, first in enumerate(_BASE58)
    for low, second in enumerate(_BASE58)
}
_BASE58_DIGITS: Final = {digit: value for value, digit in enumerate(_BASE58)}
_BASE32_DIGITS: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv", ""
)
_NOT_BASE32: Final = frozenset("0189")


class InvalidCidError(ValueError):
    """The text is not a CID."""


def cid_value(text: str) -> bytes:
    """Return codec and multihash of a CID: equal for all spellings of the same CID.

    A CIDv0 has the value of the CIDv1 with the codec dag-pb. Bases are base58btc (z), base32 (b), base36 (k)
    and base16 (f), in lower or upper case. Raises InvalidCidError. Source: the CID and multiformats
    specifications.
    """
    if not (text.isascii() and text.isalnum() and len(text) <= MAX_LENGTH):
        raise InvalidCidError("not letters and digits, or too long")
    if len(text) == 46 and text.startswith("Qm"):
        value = _DAG_PB + _from_base58(text)
    else:
        decoded = _decode(text[0], text[1:])
        if decoded[:1] != b"\x01":
            raise InvalidCidError("not a CIDv1")
        value = decoded[1:]
    if not (len(value) == 35 and value[1:3] == _SHA2_256_OF_32 and value[0] < 0x80):
        check_multihash(value)
    return value


def check_multihash(value: bytes) -> tuple[int, bytes]:
    """Return hash function and digest of a CID's value. Raises InvalidCidError if it is not complete."""
    _, start = _varint(value, 0)
    function, start = _varint(value, start)
    length, start = _varint(value, start)
    if len(value) - start != length or (function == SHA2_256 and length != 32):
        raise InvalidCidError("its hash has the wrong length")
    return function, value[start:]


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """Return an unsigned varint of at most nine bytes, and where it ends."""
    value = 0
    for index, byte in enumerate(data[start : start + 9]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index:
                break
            return value, start + index + 1
    raise InvalidCidError("cut off, or not a CID")


def _decode(base: str, digits: str) -> bytes:
    try:
        if base in "bB":
            return _from_base32(digits.lower())
        if base == "z":
            return _from_base58(digits)
        if base in "kK":
            return _to_bytes(int(digits, 36))
        if base in "fF":
            return bytes.fromhex(digits)
    except ValueError:
        raise InvalidCidError("not a valid number in its base") from None
    raise InvalidCidError("not a CID")


def _from_base32(digits: str) -> bytes:
    if not _NOT_BASE32.isdisjoint(digits):
        raise InvalidCidError("not a valid number in its base")
    unused = len(digits) * 5 % 8
    number = int(digits.translate(_BASE32_DIGITS), 32)
    if unused > 4 or number & ((1 << unused) - 1):
        raise InvalidCidError("not a valid number in its base")
    return (number >> unused).to_bytes(len(digits) * 5 // 8)


def _from_base58(digits: str) -> bytes:
    number = 0
    try:
        if len(digits) % 2:
            number = _BASE58_DIGITS[digits[0]]
        for start in range(len(digits) % 2, len(digits), 2):
            number = 3_364 * number + _BASE58_PAIRS[digits[start : start + 2]]
    except KeyError:
        raise InvalidCidError("not a valid number in its base") from None
    return _to_bytes(number)


def _to_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
