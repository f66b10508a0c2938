"""Snapshots with a fixed value for every field."""

from array import array
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from pydantic import SecretStr

from pin_exporter.api.credentials import CredentialSource
from pin_exporter.api.model import Collector, Phase, Totals, Verdict
from pin_exporter.api.request_stats import RequestStats
from pin_exporter.config.accounts import Account
from pin_exporter.inventory.counter import Counted, Inventory, Kind, PinTotals
from pin_exporter.inventory.expected import BadLine, ExpectedCids, ExpectedResult, ExpectedState
from pin_exporter.inventory.follow import Surprise
from pin_exporter.polling.billing import Bill, BillingState
from pin_exporter.polling.expected_file import ExpectedFileState
from pin_exporter.polling.snapshot import AccountSnapshot, Following, Health
from pin_exporter.retrieval.samples import Attempt, Durations, Result, RetrievalStats, Sample

HOSTILE_WORD = 'a"b\\c\n# HELP up\u2028'
"""A status with every character that could break a line of an exposition."""

INVENTORY = Inventory(
    pins=7,
    size=400_005_120,
    by_status=MappingProxyType(
        {
            ("DONE", Phase.PINNED): PinTotals(4, 400_001_024),
            ("DONE", Phase.REMOVED): PinTotals(0, 0),
            ("PENDING", Phase.IN_PROGRESS): PinTotals(2, 0),
            (HOSTILE_WORD, Phase.UNKNOWN): PinTotals(1, 4_096),
        }
    ),
    by_sub_hash_status=MappingProxyType({"none": 5, "DONE": 2}),
    by_kind=MappingProxyType(
        {Kind(True, False, False): 3, Kind(True, True, True): 1, Kind(False, True, False): 3}
    ),
    unique_cids=6,
    duplicate_size_bytes=1_024,
    size_counts=(3, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1),
    age_counts=(1, 0, 0, 1, 0, 0, 0),
    age_sum_seconds=36_300.5,
    oldest_unfinished_at=1_749_900_000.25,
    newest_at=1_749_999_990.123456,
    malformed=2,
)
EXPECTED = ExpectedCids(array("Q", [2, 4, 6, 8]), (BadLine(3, "not a CID"),), 1)
COUNTED = Counted(INVENTORY, Verdict.REPAIRED, requests=3, reported=Totals(files=10, size=400_005_120))

TOTALS_HEALTH = Health(
    interval_seconds=60,
    stale_after_seconds=240,
    polls=9,
    last_attempt_at=1_750_000_000.5,
    last_success_at=1_750_000_000.5,
    last_success_elapsed=1_000.0,
    duration_seconds=0.125,
)
INVENTORY_HEALTH = replace(
    TOTALS_HEALTH,
    interval_seconds=120,
    stale_after_seconds=420,
    polls=5,
    last_attempt_at=1_749_999_990.75,
    last_success_at=1_749_999_870.25,
    last_success_elapsed=870.0,
    duration_seconds=2.5,
    failures=MappingProxyType({**TOTALS_HEALTH.failures, "timeout": 1}),
    reason="timeout",
    error="the API took too long",
)
TRAFFIC = RequestStats(
    requests={
        (Collector.TOTALS, "200"): 9,
        (Collector.INVENTORY, "200"): 12,
        (Collector.INVENTORY, "error"): 3,
    },
    durations={
        Collector.TOTALS: ((0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0), 0.875),
        Collector.INVENTORY: ((0, 0, 0, 0, 0, 11, 1, 0, 0, 0, 3), 103.5),
    },
    retries=MappingProxyType({**RequestStats().retries, "timeout": 2}),
    throttled_seconds=12.5,
    response_bytes=123_456,
)

FULL = AccountSnapshot(
    account="archive",
    health={Collector.TOTALS: TOTALS_HEALTH, Collector.INVENTORY: INVENTORY_HEALTH},
    size_limit_bytes=1_000_000_000,
    totals=Totals(files=10, size=400_005_120),
    counted=COUNTED,
    request_stats=TRAFFIC,
    following=Following(
        "followed", 1_749_999_000.0, 40, 20.0, 4_000, {**dict.fromkeys(Surprise, 0), Surprise.AUDIT: 1}
    ),
)
"""An account with fresh totals, and an inventory from the poll before one that timed out."""

EVERYTHING = replace(
    FULL,
    counted=replace(
        COUNTED,
        expected=ExpectedResult(
            {**dict.fromkeys(ExpectedState, 0), ExpectedState.PINNED: 3, ExpectedState.MISSING: 1},
            2,
            EXPECTED,
            bytes([5, 0, 5, 5]),
        ),
    ),
    expected_file=ExpectedFileState(Path("/cids.txt"), EXPECTED, 1_749_999_500.0, "", 2),
    retrieval=RetrievalStats(
        results={**dict.fromkeys(Result, 0), Result.OK: 58, Result.NOT_FOUND: 4},
        durations=Durations((10, 20, 20, 8, 0, 0, 0, 0, 0, 0), 12.5),
        last_success_at=1_749_999_980.0,
        last_attempt_elapsed=990.0,
        sampled=59,
        unretrievable=1,
        named=("bafkreigone",),
        recent=(Sample("bafkreigone", Attempt(Result.NOT_FOUND, "404", 0.25), 1_749_999_990.0),),
    ),
    billing=BillingState(
        Bill(1_000, 2_000, 3_000, 1.5, 0.25), 1_749_998_000.0, 500.0, None, {"server_error": 1}
    ),
)
"""The same with all that is read besides the list."""

UNTRIED = AccountSnapshot("website", dict.fromkeys(Collector, Health(60, 240)))
"""An account that was never polled."""

NOW_ELAPSED = 1_010.0
"""A time on the monotonic clock at which all data above is fresh."""


def credential_source(
    api_key: str | Path = "key", secret_key: str | Path = "secret", account: str = "a"
) -> CredentialSource:
    """Return keys, each given as text or as the path of a file."""
    keys = (key if isinstance(key, Path) else SecretStr(key) for key in (api_key, secret_key))
    return CredentialSource(*keys, account=account)


def account_at(base_url: str) -> Account:
    """Return an account, to be changed by `varied`."""
    return Account(
        name="a",
        credentials=credential_source("key", "secret"),
        base_url=base_url,
        request_timeout=5.0,
        page_size=100,
    )


def varied(account: Account, **changes: object) -> Account:
    """Return the account with some values changed."""
    return account.model_copy(update=changes)
