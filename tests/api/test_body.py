import asyncio
import gzip
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.body import read_body
from tests.support.service import page, row

PAGE = page([row(1), row(2)])
LIMIT = 2**20
EMPTY_MEMBER = gzip.compress(b"", mtime=0)
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"


class Reading:
    """Reads a body from chunks that have all arrived; counts those that were taken, and others' turns."""

    def __init__(self, chunks: Iterable[bytes], encoding: str = "gzip") -> None:
        self.body = bytearray()
        self.taken = self.turns = 0
        self._chunks = chunks
        self.is_fit = asyncio.run(self._read(encoding))

    async def _read(self, encoding: str) -> bool:
        other = asyncio.create_task(self._take_turns())
        try:
            return await read_body(self._arrived(), encoding, self.body, LIMIT)
        finally:
            other.cancel()

    async def _take_turns(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    async def _arrived(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_in_crumbs_is_left_soon(encoding: str) -> None:
    reading = Reading(repeat(b" " if encoding == "identity" else b""), encoding)
    assert not reading.is_fit
    assert 1_000 < reading.taken < 1_100


def test_a_body_in_small_chunks_is_read_and_others_have_their_turns_meanwhile() -> None:
    reading = Reading(repeat(bytes(64), LIMIT // 64), "identity")
    assert reading.is_fit
    assert len(reading.body) == LIMIT
    assert reading.turns > reading.taken / 50


def test_a_short_body_may_come_byte_by_byte() -> None:
    reading = Reading((bytes([byte]) for byte in PAGE), "identity")
    assert reading.is_fit
    assert reading.body == PAGE


@given(cuts=st.lists(st.integers(0, len(PAGE)), max_size=5), size=st.integers(1, 300))
def test_gzip_may_have_any_number_of_members_and_arrive_in_pieces_of_any_size(
    cuts: list[int], size: int
) -> None:
    edges = [0, *sorted(cuts), len(PAGE)]
    sent = b"".join(gzip.compress(PAGE[start:end], mtime=0) for start, end in pairwise(edges))
    reading = Reading([sent[at : at + size] for at in range(0, len(sent), size)])
    assert reading.is_fit
    assert reading.body == PAGE


def test_what_follows_the_last_member_is_not_read() -> None:
    reading = Reading([gzip.compress(PAGE, mtime=0) * 2 + b"\x00\x1f", *[gzip.compress(PAGE, mtime=0)] * 9])
    assert reading.is_fit
    assert reading.body == PAGE * 2
    assert reading.taken == 1


def test_a_member_that_is_broken_leaves_nothing_of_the_body() -> None:
    reading = Reading([gzip.compress(PAGE, mtime=0), gzip.compress(PAGE, mtime=0)[:-8] + bytes(8)])
    assert reading.is_fit
    assert not reading.body


def test_a_bomb_in_a_later_member_is_left_after_as_much_as_a_body_may_be() -> None:
    bomb = gzip.compress(bytes(9 * LIMIT), mtime=0)
    reading = Reading([gzip.compress(PAGE, mtime=0) + bomb, bomb])
    assert len(reading.body) == LIMIT + 1
    assert reading.taken == 1


@pytest.mark.parametrize("chunk", [EMPTY_MEMBER, EMPTY_MEMBER * 3_000])
def test_endless_members_of_nothing_are_left_soon(chunk: bytes) -> None:
    reading = Reading(repeat(chunk))
    assert not reading.is_fit
    assert reading.taken < 1_000


def test_endless_blocks_of_nothing_are_left_after_twice_as_much_as_a_body_may_be() -> None:
    def endless() -> Iterable[bytes]:
        yield EMPTY_MEMBER[:10]
        yield from repeat(EMPTY_BLOCK * 10_000)

    reading = Reading(endless())
    assert not reading.is_fit
    assert reading.taken < 2 * LIMIT / 50_000 + 3
