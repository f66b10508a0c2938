"""A block is verified by the hash in its CID."""

import hashlib

import pytest

from pin_exporter.retrieval.verify import UnverifiableError, is_block_of
from tests.inventory.test_cid import EMPTY_DIRECTORY, EMPTY_RAW, spellings, varint

BLOCK = b"a block"
FUNCTIONS = {
    0x12: hashlib.sha256(BLOCK).digest(),
    0x13: hashlib.sha512(BLOCK).digest(),
    0x16: hashlib.sha3_256(BLOCK).digest(),
    0xB220: hashlib.blake2b(BLOCK, digest_size=32).digest(),
    0x00: BLOCK,
}


def cid_of(function: int, digest: bytes) -> str:
    return spellings(b"\x01\x55" + varint(function) + varint(len(digest)) + digest)[1]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_block_has_the_hash_in_its_cid_and_no_other_has(function: int) -> None:
    cid = cid_of(function, FUNCTIONS[function])
    assert is_block_of(cid, BLOCK)
    assert not is_block_of(cid, BLOCK + b" ")
    assert not is_block_of(cid, b"")


def test_published_cids_of_empty_content_are_verified() -> None:
    assert is_block_of(EMPTY_RAW, b"")
    assert is_block_of(EMPTY_DIRECTORY, bytes.fromhex("0a020801"))


@pytest.mark.parametrize("cid", [cid_of(0x11, bytes(20)), cid_of(0x1E, bytes(32)), "", "not a CID"])
def test_what_cannot_be_verified_is_said_to_be_so(cid: str) -> None:
    with pytest.raises(UnverifiableError):
        is_block_of(cid, BLOCK)
