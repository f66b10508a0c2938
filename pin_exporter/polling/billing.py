"""This month's usage and cost of an account, as its provider bills it; opt-in, once an hour."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pin_exporter.api.client import PinClient
from pin_exporter.api.errors import ForbiddenError, MalformedError, PollError, UnauthorizedError
from pin_exporter.api.model import MAX_INTEGER
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger

_log = EventLogger(__name__)

PATH: Final = "/billing/thisMonthUsage/"
"""With the slash at its end: without, the API redirects."""
INTERVAL_SECONDS: Final = 3_600.0
FORBIDDEN_INTERVAL_SECONDS: Final = 86_400.0
"""Whether a key that may only list pins may read the bill is not documented. If not: once a day."""
STALE_AFTER_SECONDS: Final = 3 * INTERVAL_SECONDS + 60.0
_NOT_ALLOWED: Final = (
    "the API key is not allowed to read the bill: use a key with more scopes, or set billing to false"
)
_ATTOS_PER_USD: Final = Decimal(10) ** 18
_MAX_USD: Final = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Bill:
    """The usage of this month in bytes and its cost in USD. What the API leaves out is None.

    The two fields for storage disagree between documents, so both are kept.
    """

    total_storage: int | None = None
    storage_usage: int | None = None
    bandwidth_usage: int | None = None
    storage_cost: float | None = None
    bandwidth_cost: float | None = None


@dataclass(frozen=True, slots=True)
class BillingState:
    """The newest bill, and how polling it is doing. `…_at` in Unix seconds, `…_elapsed` monotonic."""

    bill: Bill | None = None
    polled_at: float = 0.0
    polled_elapsed: float | None = None
    error: str | None = None
    failures: Mapping[str, int] = field(default_factory=dict)

    def fresh(self, elapsed: float) -> Bill | None:
        """Return the bill unless it is too old to be shown."""
        if self.polled_elapsed is None or elapsed - self.polled_elapsed > STALE_AFTER_SECONDS:
            return None
        return self.bill


class BillingPoller:
    """Polls the bill of one account; a failure touches nothing else. `client` sends to PATH."""

    def __init__(self, account: str, client: PinClient, clock: Clock) -> None:
        self.state = BillingState()
        self._account = account
        self._client = client
        self._clock = clock
        self._failures = LogThrottle(clock.elapsed)

    async def run(self, start_after_seconds: float = 0.0) -> None:
        """Poll until cancelled. Only a bug makes it raise."""
        await self._clock.sleep(start_after_seconds)
        while True:
            await self._clock.sleep(await self.poll())

    async def poll(self) -> float:
        """Poll once, and return after how many seconds to poll again."""
        try:
            response = await self._client.send({})
            self._client.raise_for_status(response)
            bill = read_bill(bytes(response.body))
        except PollError as error:
            return self._failed(error)
        if self.state.error:
            _log.info("billing_recovered", "the bill can be read again", account=self._account)
        elapsed, wall = self._clock.elapsed(), self._clock.wall()
        self.state = replace(self.state, bill=bill, polled_at=wall, polled_elapsed=elapsed, error=None)
        return INTERVAL_SECONDS

    def _failed(self, error: PollError) -> float:
        is_refused = isinstance(error, UnauthorizedError | ForbiddenError)
        problem = _NOT_ALLOWED if is_refused else f"cannot read the bill: {error}"
        is_new = self.state.error != problem
        failures = {**self.state.failures, error.reason: self.state.failures.get(error.reason, 0) + 1}
        self.state = replace(self.state, error=problem, failures=failures)
        times = self._failures.happened(new=is_new)
        if times is not None:
            _log.warning("billing_failed", problem, account=self._account, times=times)
        return FORBIDDEN_INTERVAL_SECONDS if is_refused else INTERVAL_SECONDS


def read_bill(body: bytes) -> Bill:
    """Return the bill in a response. Raises MalformedError.

    Costs are in units of 10^-18 USD, as decimal strings (AIOZ's dashboard divides so) or numbers.
    """
    try:
        document = json.loads(body, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise MalformedError("the bill is not valid JSON: check base_url") from None
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise MalformedError("the bill has no data: check base_url")
    bill = Bill(
        _bytes(data, "total_storage"),
        _bytes(data, "storage_usage"),
        _bytes(data, "bandwidth_usage"),
        _usd(data, "storage_cost"),
        _usd(data, "bandwidth_cost"),
    )
    if bill == Bill():
        raise MalformedError("the bill contains neither usage nor cost: check base_url")
    return bill


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _bytes(data: Mapping[str, object], name: str) -> int | None:
    value = _number(data, name)
    if value is None:
        return None
    if value != value.to_integral_value() or value > MAX_INTEGER:
        raise MalformedError(f"the bill's {name} is not a number of bytes")
    return int(value)


def _usd(data: Mapping[str, object], name: str) -> float | None:
    value = _number(data, name)
    if value is None:
        return None
    if value / _ATTOS_PER_USD > _MAX_USD:
        raise MalformedError(f"the bill's {name} is out of range")
    return float(value / _ATTOS_PER_USD)


def _number(data: Mapping[str, object], name: str) -> Decimal | None:
    """Return a number that is not negative, given as such or as a string; None if it is null or left out."""
    value = data.get(name)
    if value is None:
        return None
    try:
        number = Decimal(value.strip()) if isinstance(value, str) and len(value) < 100 else value
    except InvalidOperation:
        number = None
    if not isinstance(number, Decimal) or not number.is_finite() or number < 0 or number.adjusted() > 60:
        raise MalformedError(f"the bill's {name} is not a number")
    return number
