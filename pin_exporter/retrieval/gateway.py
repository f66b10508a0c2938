"""Fetch one block from an IPFS gateway and verify it. A gateway is trusted no more than the API."""

from collections.abc import Callable
from typing import Final

from pin_exporter.api.body import encoding_problem
from pin_exporter.api.client import send_request
from pin_exporter.api.errors import PollError, RequestTimeoutError
from pin_exporter.api.pool import Pool
from pin_exporter.api.status_errors import ApiResponse
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.retrieval.samples import Attempt, Result
from pin_exporter.retrieval.verify import UnverifiableError, is_block_of
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.redaction import SecretFinder

MAX_BLOCK_BYTES: Final = 2 * 2**20
"""The largest block that IPFS exchanges."""
RAW_BLOCK: Final = "application/vnd.ipld.raw"


_RESULTS: Final = {
    401: Result.FORBIDDEN,
    403: Result.FORBIDDEN,
    404: Result.NOT_FOUND,
    408: Result.TIMEOUT,
    410: Result.NOT_FOUND,
    429: Result.RATE_LIMITED,
    504: Result.TIMEOUT,
}


class Gateway:
    """Fetches blocks from a trustless gateway (IPFS specification "Trustless Gateway").

    `token` returns what is sent as `x-aiozpin-gateway-token`, None for nothing; it may raise ValueError with
    one line to show. The keys of an account are not known here.
    """

    def __init__(
        self, pool: Pool, url: str, timeouts: Timeouts, token: Callable[[], str | None] = lambda: None
    ) -> None:
        self._pool = pool
        self._url = url.rstrip("/")
        self._timeouts = timeouts
        self._token = token

    async def fetch(self, cid: str) -> Attempt:
        """Fetch the root block of a CID and verify it by its hash."""
        try:
            is_block_of(cid, b"")
            token = self._token()
        except UnverifiableError as error:
            return Attempt(Result.UNVERIFIABLE, str(error))
        except ValueError as error:
            return Attempt(Result.ERROR, f"gateway_token_file: {error}")
        headers = {"Accept": RAW_BLOCK} | ({"x-aiozpin-gateway-token": token} if token else {})
        redact = SecretFinder([token] if token else []).redacted
        response = ApiResponse()
        try:
            await send_request(
                self._pool,
                f"{self._url}/ipfs/{cid}?format=raw",
                headers,
                self._timeouts,
                response,
                redact=redact,
                max_bytes=MAX_BLOCK_BYTES,
            )
        except RequestTimeoutError as error:
            return Attempt(Result.TIMEOUT, str(error), response.seconds)
        except PollError as error:
            return Attempt(Result.ERROR, str(error), response.seconds)
        result, detail = _judged(cid, response)
        return Attempt(result, one_line(redact(detail)), response.seconds)


def _judged(cid: str, response: ApiResponse) -> tuple[Result, str]:
    """Return the result of a complete response. Only a raw block can be corrupt."""
    if response.status != 200:
        result = _RESULTS.get(response.status or 0, Result.ERROR)
        return result, f"the gateway responded {response.status}"
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != RAW_BLOCK:
        return Result.ERROR, f"the gateway sent {content_type or 'no content type'} instead of a raw block"
    if problem := encoding_problem(response.headers.get("content-encoding", ""), response.body):
        return Result.ERROR, f"the block {problem}"
    if response.is_too_large:
        return Result.ERROR, f"the block is larger than {MAX_BLOCK_BYTES // 2**20} MiB"
    if not is_block_of(cid, bytes(response.body)):
        return Result.CORRUPT, "the block does not have the hash in the CID"
    return Result.OK, ""
