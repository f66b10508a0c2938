"""The problems that the alerts on exporters and polls are for."""

from typing import Final

from dev.grafana.alert import Severity
from tests.grafana.support.alert_case import Case
from tests.grafana.support.exporters import RELOADED, TOTAL_SHARDS, UP, WEB_RELOADED, key
from tests.grafana.support.signals import changes, counts, keeps_up

_INVENTORY: Final = {"collector": "inventory"}

POLLING_CASES: Final = (
    Case(
        "AIOZPinExporterDown",
        {UP: changes(1, 0)},
        "Prometheus cannot scrape the exporter {instance}",
        vanishes=True,
    ),
    Case(
        "AIOZPinExporterAbsent",
        {},
        "Prometheus has no pin-exporter to scrape in job {job}",
        vanishes=True,
        one_is_enough=False,
    ),
    Case(
        "AIOZPinShardsMissing",
        {TOTAL_SHARDS: changes(1, 2)},
        "Shards of the exporter in job {job} are missing, or disagree on the number of shards",
    ),
    Case(
        "AIOZPinConfigReloadFailed",
        {RELOADED: changes(1, 0)},
        "The exporter {instance} failed to reload its config file",
        labels={"config": "config file"},
    ),
    Case(
        "AIOZPinConfigReloadFailed",
        {WEB_RELOADED: changes(1, 0)},
        "The exporter {instance} failed to reload its web config",
        labels={"config": "web config"},
        variant="by its web configuration",
    ),
    Case(
        "AIOZPinNeverPolled",
        {key("last_success_timestamp_seconds", **_INVENTORY): changes(1, 0)},
        "No inventory poll of account {account} has succeeded yet",
        labels=_INVENTORY,
        one_is_enough=False,
    ),
    Case(
        "AIOZPinDataStale",
        {key("last_success_timestamp_seconds", **_INVENTORY): keeps_up(stops=True)},
        "The inventory data of account {account} is stale",
        labels=_INVENTORY,
        value="6m 0s",
        detected_after=3,
        one_is_enough=False,
        severities=(Severity.WARNING,),
    ),
    Case(
        "AIOZPinDataStale",
        {key("last_success_timestamp_seconds", **_INVENTORY): keeps_up(stops=True)},
        "The inventory data of account {account} is stale",
        labels=_INVENTORY,
        value="15m 0s",
        detected_after=12,
        one_is_enough=False,
        severities=(Severity.WARNING, Severity.CRITICAL),
        variant="for long",
    ),
    Case(
        "AIOZPinCredentialsRejected",
        {
            key("up"): changes(1, 0),
            key("poll_failures_total", collector="totals", reason="unauthorized"): counts(0, 1),
        },
        "AIOZ Pin rejects the API key of account {account} (unauthorized)",
        labels={"reason": "unauthorized"},
    ),
    Case(
        "AIOZPinCredentialFilesUnreadable",
        {key("file_read_failures_total", files="keys"): counts(0, 2)},
        "The keys of account {account} cannot be read from their files",
        labels={"files": "keys"},
        before=10,
        # It looks at every tenth minute, and 15 minutes back from there: after 43, that is at 50 and at 60.
        resolved_after=17,
        blip=16,
    ),
    Case(
        "AIOZPinPollErrorsHigh",
        # 46 of 100 polls fail: too few for stale data.
        {key("poll_failures_total", **_INVENTORY, reason="timeout"): counts(0, 0.46)},
        "46% of the inventory polls of account {account} fail",
        labels=_INVENTORY,
        before=130,
        # 66 * 0.46 are more than a quarter of the polls of two hours, and 36 * 0.46 of those of 65 minutes.
        detected_after=65,
        resolved_after=30,
        # Once the two hours have seen enough, the 65 minutes keep it up for longer than the wait.
        blip=62,
        every=5,
    ),
    Case(
        "AIOZPinInventoryInconsistent",
        {key("poll_failures_total", **_INVENTORY, reason="inconsistent"): counts(0, 0.9)},
        "The pins of account {account} cannot be counted reliably",
        value="90%",
        before=125,
        # 67 * 0.9 are more than half the polls of two hours.
        detected_after=70,
        resolved_after=55,
        every=5,
    ),
    Case(
        "AIOZPinCountMismatch",
        {key("inventory_unaccounted_files"): changes(0, -2)},
        "The number of files and the number of pins of account {account} differ by 2",
        before=5,
        every=5,
    ),
    Case(
        "AIOZPinCountMismatch",
        {key("inventory_malformed_pins"): changes(0, 3)},
        "The number of files and the number of pins of account {account} differ by 3",
        before=5,
        every=5,
        variant="by rows that cannot be read",
    ),
    Case(
        "AIOZPinThrottled",
        {key("api_requests_total", operation="list", code="429"): counts(0, 0.136)},
        "AIOZ Pin answers 6.367% of the requests of account {account} with 429",
        before=70,
        # 51 * 0.136 are more than 5 % of 130 + 51 * 0.136 requests. Where a replica makes 130 more,
        # 65 * 0.136 are not.
        detected_after=50,
        resolved_after=15,
        blip=46,
        one_is_enough=False,
        every=5,
    ),
)
