"""Blocks from a gateway over real sockets: as hostile as the API, and it never sees an account's keys."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable

import pytest

from pin_exporter.api.pool import HttpClients
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.retrieval.gateway import MAX_BLOCK_BYTES, RAW_BLOCK, Gateway
from pin_exporter.retrieval.samples import Attempt, Result
from tests.inventory.test_cid import spellings
from tests.support.servers import Behaviour, StrangeServer, answer, endless, hang_up, message, raw, silence

BLOCK = b"a block of data"
CID = spellings(b"\x01\x55\x12\x20" + hashlib.sha256(BLOCK).digest())[1]
TOKEN = "made-up-gateway-token"
TYPE = f"Content-Type: {RAW_BLOCK}"
GOOD = answer("200 OK", BLOCK, TYPE)

CASES: dict[str, tuple[Result, Behaviour]] = {
    "good": (Result.OK, GOOD),
    "good, with parameters": (Result.OK, answer("200 OK", BLOCK, f"{TYPE}; charset=binary")),
    "compressed": (Result.OK, answer("200 OK", gzip.compress(BLOCK), TYPE, "Content-Encoding: gzip")),
    "other compression": (Result.ERROR, answer("200 OK", BLOCK, TYPE, "Content-Encoding: br")),
    "not compressed": (Result.ERROR, answer("200 OK", BLOCK, TYPE, "Content-Encoding: gzip")),
    "corrupt": (Result.CORRUPT, answer("200 OK", BLOCK[:-1] + b"!", TYPE)),
    "empty": (Result.CORRUPT, answer("200 OK", b"", TYPE)),
    "HTML": (Result.ERROR, answer("200 OK", BLOCK, "Content-Type: text/html")),
    "no type": (Result.ERROR, answer("200 OK", BLOCK)),
    "too large": (Result.ERROR, answer("200 OK", bytes(MAX_BLOCK_BYTES + 1), TYPE)),
    "endless": (Result.ERROR, endless(message("200 OK", b"", TYPE, length=2**40), bytes(65_536))),
    "404": (Result.NOT_FOUND, answer("404 Not Found", b"no link")),
    "410": (Result.NOT_FOUND, answer("410 Gone", b"")),
    "401": (Result.FORBIDDEN, answer("401 No", b"")),
    "403": (Result.FORBIDDEN, answer("403 No", b"")),
    "429": (Result.RATE_LIMITED, answer("429 No", b"", "Retry-After: 60")),
    "500": (Result.ERROR, answer("500 No", b"")),
    "504": (Result.TIMEOUT, answer("504 Gateway Timeout", b"")),
    "interim responses for ever": (Result.ERROR, endless(b"", b"HTTP/1.1 100 C\r\n\r\n" * 50)),
    "headers for ever": (Result.ERROR, endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 500, 2**24)),
    "not HTTP": (Result.ERROR, raw(b"SSH-2.0-OpenSSH\r\n", close=True)),
    "hang up": (Result.ERROR, hang_up),
    "silence": (Result.TIMEOUT, silence),
}


def fetched(
    behaviour: Behaviour, cid: str = CID, token: Callable[[], str | None] = lambda: TOKEN
) -> tuple[Attempt, list[bytes]]:
    async def work() -> tuple[Attempt, list[bytes]]:
        async with StrangeServer(behaviour).listening() as server, HttpClients() as clients:
            url = f"http://127.0.0.1:{server.port}"
            timeouts = Timeouts(0.3 if behaviour is silence else 10.0)
            gateway = Gateway(clients.for_url(url), f"{url}/", timeouts, token)
            return await gateway.fetch(cid), server.heads

    return asyncio.run(work())


@pytest.mark.parametrize("case", CASES)
def test_each_response_has_its_result_and_one_line_that_explains_it(case: str) -> None:
    result, behaviour = CASES[case]
    attempt, _ = fetched(behaviour)
    assert attempt.result is result
    assert bool(attempt.detail) == (result is not Result.OK)
    assert attempt.detail.isprintable()
    assert TOKEN not in attempt.detail
    assert attempt.seconds > 0


def test_one_raw_block_is_requested_with_the_token_and_no_key() -> None:
    _, heads = fetched(GOOD)
    head = heads[0].decode().lower()
    assert head.startswith(f"get /ipfs/{CID.lower()}?format=raw http/1.1\r\n")
    assert f"\r\naccept: {RAW_BLOCK}\r\n" in head
    assert f"\r\nx-aiozpin-gateway-token: {TOKEN}\r\n" in head
    assert "pinning" not in head
    assert "x-aiozpin" not in fetched(GOOD, token=lambda: None)[1][0].decode().lower()


@pytest.mark.parametrize("cid", ["not a CID", "../../etc", "", spellings(b"\x01\x55\x11\x14" + bytes(20))[1]])
def test_what_cannot_be_verified_is_not_requested(cid: str) -> None:
    attempt, heads = fetched(GOOD, cid)
    assert (attempt.result, heads) == (Result.UNVERIFIABLE, [])


def test_an_unreadable_token_is_an_error_and_nothing_is_requested() -> None:
    def unreadable() -> str:
        raise ValueError("cannot read the file")

    attempt, heads = fetched(GOOD, token=unreadable)
    assert (attempt.result, heads) == (Result.ERROR, [])
    assert attempt.detail == "gateway_token_file: cannot read the file"


def test_a_redirect_is_not_followed() -> None:
    async def work() -> None:
        async with StrangeServer(GOOD).listening() as other:
            to = f"Location: http://127.0.0.1:{other.port}/"
            attempt = await asyncio.to_thread(lambda: fetched(answer("302 Found", b"", to))[0])
            assert attempt.result is Result.ERROR
            assert other.connections == 0

    asyncio.run(work())
