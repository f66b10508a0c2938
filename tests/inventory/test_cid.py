"""All spellings of a CID have the same value, and nothing else has one."""

import base64
import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.inventory.cid import MAX_LENGTH, InvalidCidError, check_multihash, cid_value

V0 = "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"
V1 = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
EMPTY_DIRECTORY = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
EMPTY_RAW = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

CODECS = st.sampled_from([0x55, 0x70, 0x71, 0x72, 0x0129])
FUNCTIONS = st.sampled_from([("sha256", 0x12), ("sha512", 0x13), ("sha3_256", 0x16), ("blake2s", 0xB260)])


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def in_base(alphabet: str, data: bytes) -> str:
    number, digits = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, len(alphabet))
        digits = alphabet[digit] + digits
    return digits


def spellings(data: bytes) -> list[str]:
    """Return a binary CIDv1 in every base."""
    lower = [
        "b" + base64.b32encode(data).decode().rstrip("=").lower(),
        "k" + in_base("0123456789abcdefghijklmnopqrstuvwxyz", data),
        "f" + data.hex(),
    ]
    base58 = "z" + in_base("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", data)
    return [base58, *lower, *map(str.upper, lower)]


@given(codec=CODECS, function=FUNCTIONS, content=st.binary(max_size=40))
def test_all_spellings_of_a_cid_have_the_value_of_its_codec_and_hash(
    codec: int, function: tuple[str, int], content: bytes
) -> None:
    digest = hashlib.new(function[0], content).digest()
    value = varint(codec) + varint(function[1]) + varint(len(digest)) + digest
    assert {cid_value(text) for text in spellings(b"\x01" + value)} == {value}
    assert check_multihash(value) == (function[1], digest)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (V0, "c3c4733ec8affd06cf9e9ff50ffc6bcd2ec85a6170004bb709669c31de94391a"),
        (V1, "c3c4733ec8affd06cf9e9ff50ffc6bcd2ec85a6170004bb709669c31de94391a"),
        (EMPTY_DIRECTORY, hashlib.sha256(bytes.fromhex("0a020801")).hexdigest()),
        (EMPTY_RAW, hashlib.sha256(b"").hexdigest()),
    ],
)
def test_published_cids_have_the_hash_of_their_content(text: str, digest: str) -> None:
    assert check_multihash(cid_value(text)) == (0x12, bytes.fromhex(digest))


def test_version_0_is_version_1_with_the_codec_dag_pb() -> None:
    assert cid_value(V0) == cid_value(V1) == bytes.fromhex("70") + cid_value(V0)[1:]


SHA = b"\x12\x20" + bytes(32)
NOT_CIDS = (
    b"\x01",
    b"\x01\x70",
    b"\x00\x70" + SHA,
    b"\x02\x70" + SHA,
    b"\x01\x70" + SHA + b"\x00",
    b"\x01\x70" + SHA[:-1],
    b"\x01\x70\x12\x10" + bytes(16),
    b"\x01\xf0\x00" + SHA,
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "Qm",
        V0[:-1],
        V0 + "1",
        V0.replace("b", "0"),
        V1[:-1],
        V1 + "a",
        V1.replace("y", "1"),
        V1[:10] + " " + V1[10:],
        V1[:10] + "_" + V1[10:],
        "hello",
        "/ipfs/" + V0,
        "b" * (MAX_LENGTH + 1),
        V1.replace("e", "é"),
        V1.replace("2", "\uff12"),
        "f0x" + "00" * 30,
        *(f"f{data.hex()}" for data in NOT_CIDS),
        "f01" + "ff" * 10 + SHA.hex(),
        "m" + base64.b64encode(b"\x01\x70" + SHA).decode().rstrip("="),
    ],
)
def test_what_is_not_a_cid_has_no_value(text: str) -> None:
    with pytest.raises(InvalidCidError):
        cid_value(text)


@given(st.text(max_size=80) | st.from_regex(r"[bBzkKfF][0-9a-zA-Z]{0,80}", fullmatch=True))
def test_any_text_is_a_cid_or_is_named_as_none(text: str) -> None:
    with suppress(InvalidCidError):
        check_multihash(cid_value(text))
