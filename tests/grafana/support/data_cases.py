"""The problems that the alerts on the data of accounts are for."""

from typing import Final

from tests.grafana.support.alert_case import Case
from tests.grafana.support.exporters import GIB, key
from tests.grafana.support.signals import Trouble, changes, counts, keeps_up, steady


def _stuck_for_eight_days(minute: int, trouble: Trouble) -> float:
    return 60 * trouble.begins - 8 * 86_400 if trouble.is_on(minute) else 60 * minute - 3_600


def _growing(minute: int, trouble: Trouble) -> float:
    """Return a size that grows by 1 GiB in 5 minutes during the problem and drops after it."""
    return (700 if minute >= trouble.ends else 850 + trouble.lasted(minute) / 5) * GIB


DATA_CASES: Final = (
    Case(
        "AIOZPinBalanceExhausted",
        {key("pins", status="unpinOutOfMoney", phase="removed"): changes(0, 3)},
        "3 pins of account {account} were removed because the balance is exhausted",
    ),
    Case(
        "AIOZPinFilesDropped",
        {key("files"): changes(102, 80)},
        "Account {account} lost files: 80 are left",
        value="80",
        one_is_enough=False,
    ),
    Case(
        "AIOZPinPinsFailed",
        {
            key("pins", status="failed", phase="failed"): changes(0, 2),
            key("pins", status="retrieveFailed", phase="failed"): changes(0, 3),
        },
        "5 pins of account {account} failed",
    ),
    Case(
        "AIOZPinPinsStuck",
        {key("oldest_unfinished_pin_timestamp_seconds"): _stuck_for_eight_days},
        "A pin of account {account} has been in progress for 8d 0h 15m 0s",
    ),
    Case(
        "AIOZPinNoNewPins",
        {key("newest_pin_timestamp_seconds"): keeps_up(600, stops=True)},
        "The newest pin of account {account} is 6h 16m 0s old",
        # The newest pin is 11 minutes old as the trouble begins.
        before=5,
        detected_after=350,
        every=5,
        one_is_enough=False,
        thresholds={"no_new_pins_seconds": "21600"},
    ),
    Case(
        "AIOZPinSizeLimitNearing",
        {key("size_bytes"): _growing},
        "Account {account} is about to reach its size limit, or has reached it",
        value="1.107Ti",
        before=1_320,
        # When a line through all of it comes to more than 1 TiB.
        detected_after=180,
        every=15,
    ),
    Case(
        "AIOZPinSizeLimitNearing",
        {key("size_bytes"): changes(850 * GIB, 1024 * GIB)},
        "Account {account} is about to reach its size limit, or has reached it",
        value="1Ti",
        before=5,
        every=5,
        variant="at the limit",
    ),
    Case(
        "AIOZPinUnknownStatus",
        {key("pins", status="LOST", phase="unknown"): changes(None, 4, after=0)},
        "4 pins of account {account} have the unknown status LOST",
        labels={"status": "LOST"},
    ),
    Case(
        "AIOZPinExpectedMissing",
        {
            key("expected_cids", state="missing"): changes(0, 2),
            key("expected_cids", state="failed"): steady(0),
        },
        "2 expected CIDs of account {account} must be pinned again",
    ),
    Case(
        "AIOZPinExpectedCidsUnreadable",
        {key("expected_cids_read_timestamp_seconds"): keeps_up(stops=True)},
        "expected_cids_file of account {account} is not read, or contains lines that are no CIDs",
        # More than three intervals of a minute, and ten minutes.
        detected_after=13,
        one_is_enough=False,
    ),
    Case(
        "AIOZPinExpectedCidsUnreadable",
        {key("expected_cids_malformed_lines"): changes(0, 1)},
        "expected_cids_file of account {account} is not read, or contains lines that are no CIDs",
        variant="in part",
    ),
    Case(
        "AIOZPinRetrievalFailing",
        {key("unretrievable_cids"): changes(0, 1)},
        "1 sampled CIDs of account {account} cannot be retrieved",
    ),
    Case(
        "AIOZPinRetrievalImpossible",
        {
            key("last_retrieval_timestamp_seconds"): keeps_up(stops=True),
            key("retrievals_total", result="timeout"): counts(0, 1),
        },
        "Nothing of account {account} could be retrieved for two hours",
        detected_after=120,
        one_is_enough=False,
    ),
    Case(
        "AIOZPinContentCorrupt",
        {key("retrievals_total", result="corrupt"): counts(0, 1)},
        "The gateway sent corrupt content of account {account}",
        # One block is enough, and is remembered for two hours.
        blip=0,
        resolved_after=119,
    ),
    Case(
        "AIOZPinCostHigh",
        {key("billing_cost_usd", item="storage"): changes(1, 30)},
        "This month, account {account} has cost 30.00 USD",
        thresholds={"month_cost_usd": "25"},
    ),
)
