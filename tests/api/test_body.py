import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Iterable
from itertools import chain, pairwise, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.body import encoding_problem, read_body
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
        self.is_complete = asyncio.run(self._read(encoding))

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


def test_a_body_in_small_chunks_is_read_and_other_tasks_run_meanwhile() -> None:
    reading = Reading(repeat(bytes(64), LIMIT // 64), "identity")
    assert reading.is_complete
    assert len(reading.body) == LIMIT
    assert reading.turns > reading.taken / 50


def test_other_tasks_run_between_the_members_of_gzip_too() -> None:
    reading = Reading([EMPTY_MEMBER * 50] * 30)
    assert reading.turns >= 30


@pytest.mark.parametrize("chunk", [b" " * 1_000, b" " * LIMIT])
def test_a_body_above_the_limit_is_not_read_to_its_end(chunk: bytes) -> None:
    reading = Reading(repeat(chunk), "identity")
    assert not reading.is_complete
    assert reading.taken == LIMIT // len(chunk) + 1


@given(cuts=st.lists(st.integers(0, len(PAGE)), max_size=5), size=st.integers(1, 300))
def test_gzip_may_have_any_number_of_members_and_arrive_in_pieces_of_any_size(
    cuts: list[int], size: int
) -> None:
    edges = [0, *sorted(cuts), len(PAGE)]
    sent = b"".join(gzip.compress(PAGE[start:end], mtime=0) for start, end in pairwise(edges))
    reading = Reading([sent[at : at + size] for at in range(0, len(sent), size)])
    assert reading.is_complete
    assert reading.body == PAGE


def test_what_follows_the_last_member_is_not_read() -> None:
    reading = Reading([gzip.compress(PAGE, mtime=0) * 2 + b"\x00\x1f", *[gzip.compress(PAGE, mtime=0)] * 9])
    assert reading.is_complete
    assert reading.body == PAGE * 2
    assert reading.taken == 1


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("", b"", None),
        ("identity", b"", None),
        (" X-GZIP ", b"{}", None),
        ("gzip", b"", "is not gzip, although its Content-Encoding says so"),
        ("br", b"{}", "is compressed with br, but only gzip was requested"),
        ("Zstd, deflate", b"{}", "is compressed with zstd and deflate, but only gzip was requested"),
        ("a-key", b"{}", "is compressed with something else, but only gzip was requested"),
    ],
)
def test_another_encoding_than_gzip_is_a_problem(encoding: str, body: bytes, problem: str | None) -> None:
    assert encoding_problem(encoding, body) == problem


def test_zlib_without_the_header_of_gzip_is_not_gzip() -> None:
    assert not Reading([zlib.compress(PAGE)]).body


def test_a_member_that_is_broken_leaves_nothing_of_the_body() -> None:
    reading = Reading([gzip.compress(PAGE, mtime=0), gzip.compress(PAGE, mtime=0)[:-8] + bytes(8)])
    assert reading.is_complete
    assert not reading.body


def test_a_bomb_in_a_later_member_is_left_after_as_much_as_a_body_may_be() -> None:
    bomb = gzip.compress(bytes(9 * LIMIT), mtime=0)
    reading = Reading([gzip.compress(PAGE, mtime=0) + bomb, bomb])
    assert not reading.is_complete
    assert len(reading.body) == LIMIT + 1
    assert reading.taken == 1


@pytest.mark.parametrize(
    ("first", "again"),
    [(EMPTY_MEMBER, EMPTY_MEMBER * 3_000), (EMPTY_MEMBER[:10], EMPTY_BLOCK * 12_000)],
    ids=["members", "blocks"],
)
def test_endless_gzip_of_nothing_is_left_after_twice_as_many_bytes_as_a_body_may_have(
    first: bytes, again: bytes
) -> None:
    reading = Reading(chain([first], repeat(again)))
    assert not reading.is_complete
    assert not reading.body
    assert reading.taken * len(again) < 2 * LIMIT + 3 * len(again)
