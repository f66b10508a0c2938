"""A list that is followed while it changes, held against the simulator's own count."""

import re
from collections import Counter

import pytest

from tests.support.processes import RunningExporter, exporter, simulator, wait_for

FOLLOWED = 'aiozpin_inventory_mode{account="default",mode="followed"}'
POLLS = 'aiozpin_polls_total{account="default",collector="inventory"}'
CONSISTENT = 'aiozpin_inventory_consistent{account="default"}'
REQUESTS = 'aiozpin_inventory_requests{account="default"}'
ENV = {
    "PIN_EXPORTER_POLL_INTERVAL": "1s",
    "PIN_EXPORTER_PAGE_SIZE": "200",
    "PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000",
}
CHURN = {"insert_rate": 240, "complete_rate": 200, "fail_rate": 20, "unpin_rate": 60, "bulk_unpin_rate": 6}
STATUS = re.compile(
    r'^aiozpin_(pins|stored_bytes)\{account="default",.*status="([^"]+)"\} (\S+)$', re.MULTILINE
)


def published(exported: RunningExporter) -> tuple[dict[str, int], dict[str, int], int]:
    """Return pins and bytes by status, and the number of CIDs."""
    pins, sizes = Counter[str](), Counter[str]()
    for name, status, value in STATUS.findall(exported.metrics()):
        (pins if name == "pins" else sizes)[status] += int(float(value))
    return dict(+pins), dict(+sizes), int(exported.value('aiozpin_unique_cids{account="default"}') or 0)


@pytest.mark.parametrize("unpinned_rows", ["keep", "drop"])
def test_a_list_that_is_followed_through_many_changes_is_counted_as_the_server_counts_it(
    unpinned_rows: str,
) -> None:
    options = ("--pins=6000", "--requests-per-minute=0", "--in-progress-share=0.01", "--duplicate-share=0.1")
    with (
        simulator(*options, f"--unpinned-rows={unpinned_rows}") as simulated,
        exporter({**simulated.keys["default"], **ENV}) as exported,
    ):
        wait_for(lambda: exported.value(FOLLOWED), "a followed inventory")
        simulated.change("default", churn=CHURN)
        begun = exported.value(POLLS) or 0
        wait_for(lambda: (exported.value(POLLS) or 0) >= begun + 12, "inventories while the list changes")
        simulated.change("default", churn=dict.fromkeys(CHURN, 0))
        begun = exported.value(POLLS) or 0
        wait_for(lambda: (exported.value(POLLS) or 0) >= begun + 2, "an inventory after the last change")
        wait_for(lambda: exported.value(FOLLOWED), "a followed inventory")

        truth = simulated.truth("default")
        by_status = [(each["status"], each["files"], each["size_bytes"]) for each in truth["by_status"]]
        pins, sizes = Counter[str](), Counter[str]()
        for status, files, size in by_status:
            pins[status] += files
            sizes[status] += size
        assert published(exported) == (dict(+pins), dict(+sizes), truth["distinct_cids"])
        assert exported.value(CONSISTENT) == 1
        assert (exported.value(REQUESTS) or 0) <= 4
        assert (exported.value('aiozpin_inventory_audited_pins_total{account="default"}') or 0) > 0


def test_a_list_whose_filter_is_ignored_is_read_whole_and_says_so() -> None:
    with (
        simulator("--pins=6000", "--requests-per-minute=0", "--ignore-filter") as simulated,
        exporter({**simulated.keys["default"], **ENV}) as exported,
    ):
        fallbacks = 'aiozpin_inventory_fallbacks_total{account="default",reason="filter"}'
        wait_for(lambda: exported.value(fallbacks) == 3, "as many attempts as are made in a row")
        begun = exported.value(POLLS) or 0
        wait_for(lambda: (exported.value(POLLS) or 0) >= begun + 2, "further inventories")
        assert exported.value(fallbacks) == 3
        assert exported.value(FOLLOWED) == 0
        assert exported.value(CONSISTENT) == 1
        assert any("event=inventory_full" in line for line in exported.process.lines)
