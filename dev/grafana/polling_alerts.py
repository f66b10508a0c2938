"""Alerts on exporters and their polls: whether the accounts are monitored."""

from typing import Final

from dev.grafana.alert import Alert, Severity
from dev.grafana.promql import (
    ACCOUNT_OF_EXPORTER,
    EXPORTER,
    JOB,
    aggregate,
    data_age,
    on,
    per_account,
    series,
)
from dev.grafana.thresholds import threshold

_TOTALS: Final = 'collector="totals"'
_INVENTORY: Final = 'collector="inventory"'

_SEEN_THIS_WEEK: Final = f"max_over_time({series('exporter_build_info')}[7d])"
_SEEN_TODAY: Final = f"max_over_time({series('exporter_build_info')}[1d])"

_TOTAL_SHARDS: Final = series("exporter_total_shards")
_SHARDED: Final = f"{_TOTAL_SHARDS} > 1"
_MOST_SHARDS: Final = aggregate("max", JOB, _TOTAL_SHARDS)
# Not by instance: replicas of a shard are one shard. Exporters that are not sharded do not count.
_SHARDS: Final = (
    f'count by ({", ".join(JOB)}) (count_values by ({", ".join(JOB)}) ("shard", '
    f"{series('exporter_shard')} and {on(EXPORTER)} {_SHARDED}))"
)

_AGE: Final = per_account("min", data_age(series("last_success_timestamp_seconds")), "collector")
_INTERVAL: Final = per_account("max", series("poll_interval_seconds"), "collector")

_REJECTIONS: Final = series("poll_failures_total", _TOTALS, 'reason=~"unauthorized|forbidden"')
_POLLS_RARELY: Final = f"{series('poll_interval_seconds', _TOTALS)} > 600"
_SAME: Final = on(ACCOUNT_OF_EXPORTER)

_READ_FAILURES: Final = f"increase({series('file_read_failures_total')}[15m])"
_TOTALS_REQUESTS: Final = series("api_requests_total", 'operation="totals"')
_REQUESTS: Final = f"sum without (operation, code) (increase({_TOTALS_REQUESTS}[15m]))"
# Whether requests used old files, in the latest 15 minutes with any request: polls may be a day apart, and
# one good poll ends the alert. `increase` misses the first request of a new code; failures count alone.
_USES_OLD_FILES: Final = f"{_READ_FAILURES} > 0 or {_READ_FAILURES} and {_SAME} {_REQUESTS} > 0"

_UNCOUNTED: Final = per_account("max", f"abs({series('inventory_unaccounted_files')})")
_MALFORMED: Final = per_account("max", series("inventory_malformed_pins"))
_TOLERATED_MISMATCH: Final = threshold("count_mismatch_files")

_CODE_429: Final = 'code="429"'
# More than an hour, so that hourly polls always fall into it: a ratio without polls is NaN, and the alert
# would resolve and fire again with each poll.
_OVER_AN_HOUR: Final = "65m"


def _older_than(intervals: str) -> str:
    return f"{_AGE} > {threshold(intervals)} * {_INTERVAL}"


def _reload_failed(metric: str, config: str) -> str:
    """Return the exporters that failed to reload; a label names the file, as the metric name is lost."""
    return f'label_replace({series(metric)} == 0, "config", "{config}", "", "")'


def _failing(window: str) -> str:
    failures = series("poll_failures_total", 'reason!="inconsistent"')
    ratio = per_account("max", _ratio_of_polls(failures, series("polls_total"), window), "collector")
    return f"{ratio} > {threshold('poll_failure_ratio')}"


def _inconsistent(window: str) -> str:
    failures = series("poll_failures_total", _INVENTORY, 'reason="inconsistent"')
    ratio = per_account("max", _ratio_of_polls(failures, series("polls_total", _INVENTORY), window))
    return f"{ratio} > {threshold('inconsistent_ratio')}"


def _ratio_of_polls(failures: str, polls: str, window: str) -> str:
    """Return failures as a ratio of the polls.

    Limited to 1: `increase` detects a restart by a smaller value, in each series on its own. It can miss one
    in the polls that it detects in the failures.
    """
    failed = f"sum without (reason) (increase({failures}[{window}]))"
    return f"clamp_max({failed} / increase({polls}[{window}]), 1)"


def _rate_limited(window: str) -> str:
    rejected = f"increase({series('api_requests_total', _CODE_429)}[{window}])"
    requests = f"increase({series('api_requests_total')}[{window}])"
    ratio = f"{per_account('sum', rejected)} / {per_account('sum', requests)}"
    return f"{ratio} > {threshold('rate_limited_ratio')}"


EXPORTER_ALERTS: Final = (
    Alert(
        "AIOZPinExporterDown",
        f"up == 0 and {on(EXPORTER)} {_SEEN_THIS_WEEK}",
        "5m",
        Severity.CRITICAL,
        "Prometheus cannot scrape the exporter {{ $labels.instance }}",
        "Scrapes of {{ $labels.instance }} in job {{ $labels.job }} fail. Unless another exporter polls the "
        "same accounts, they are not being monitored, and no other alert on them can fire.",
        on_account=False,
    ),
    Alert(
        "AIOZPinExporterAbsent",
        f"absent({_SEEN_TODAY}) or {aggregate('group', JOB, _SEEN_TODAY)} "
        f"unless {on(JOB)} {aggregate('group', JOB, 'up')}",
        "15m",
        Severity.CRITICAL,
        "Prometheus has no pin-exporter to scrape{{ with $labels.job }} in job {{ . }}{{ end }}",
        "The targets of a pin-exporter disappeared, or Prometheus never had any. The accounts are not being "
        "monitored, and no other alert on them can fire.",
        on_account=False,
    ),
    Alert(
        "AIOZPinShardsMissing",
        f"{_MOST_SHARDS} - {_SHARDS} > 0 or {_MOST_SHARDS} - {aggregate('min', JOB, _SHARDED)} > 0",
        "15m",
        Severity.CRITICAL,
        "Shards of the exporter in job {{ $labels.job }} are missing, or disagree on the number of shards",
        "Prometheus scrapes fewer shards in job {{ $labels.job }} than there should be, or the shards are "
        "configured with different totals. Accounts that no shard polls are not being monitored, and no "
        "other alert on them can fire.",
        on_account=False,
    ),
    Alert(
        "AIOZPinConfigReloadFailed",
        f"{_reload_failed('exporter_config_last_reload_successful', 'config file')} or "
        f"{_reload_failed('exporter_web_config_last_reload_successful', 'web config')}",
        "5m",
        Severity.WARNING,
        "The exporter {{ $labels.instance }} failed to reload its {{ $labels.config }}",
        "The exporter {{ $labels.instance }} of job {{ $labels.job }} keeps using the previous {{ "
        "$labels.config }}. A restart may fail. The log has the reason: look for config_reload_failed.",
        on_account=False,
    ),
)
POLLING_ALERTS: Final = (
    Alert(
        "AIOZPinNeverPolled",
        f"{per_account('max', series('last_success_timestamp_seconds'), 'collector')} == 0",
        "30m",
        Severity.WARNING,
        "No {{ $labels.collector }} poll of account {{ $labels.account }} has succeeded yet",
        "Since the exporter started, no {{ $labels.collector }} poll of account {{ $labels.account }} has "
        "succeeded, so there is no data. aiozpin_poll_failures_total has the reason, unless the first "
        "inventory is still running.",
    ),
    Alert(
        "AIOZPinDataStale",
        _older_than("stale_warning_intervals"),
        "2m",
        Severity.WARNING,
        "The {{ $labels.collector }} data of account {{ $labels.account }} is stale",
        "The last successful {{ $labels.collector }} poll was {{ $value | humanizeDuration }} ago. The "
        "exporter drops data older than stale_after, and then alerts on the data cannot fire. "
        "aiozpin_poll_failures_total has the reason.",
    ),
    Alert(
        "AIOZPinDataStale",
        _older_than("stale_critical_intervals"),
        "2m",
        Severity.CRITICAL,
        "The {{ $labels.collector }} data of account {{ $labels.account }} is stale",
        "The last successful {{ $labels.collector }} poll was {{ $value | humanizeDuration }} ago. The "
        "account is not being monitored: data loss would go unnoticed. aiozpin_poll_failures_total has the "
        "reason.",
    ),
    Alert(
        "AIOZPinCredentialsRejected",
        per_account(
            "max",
            f"(increase({_REJECTIONS}[30m]) > 0 "
            f"or increase({_REJECTIONS}[3d]) > 0 and {_SAME} {_POLLS_RARELY}) "
            f"and {_SAME} {series('up')} == 0",
            "reason",
        ),
        "2m",
        Severity.CRITICAL,
        "AIOZ Pin rejects the API key of account {{ $labels.account }} ({{ $labels.reason }})",
        "The API answers {{ $labels.reason }}: the key of account {{ $labels.account }} was revoked, "
        "belongs to another server, or lacks the scope to list pins. There is no new data until the key is "
        "replaced.",
    ),
    Alert(
        "AIOZPinCredentialFilesUnreadable",
        per_account(
            "max",
            f"last_over_time(({_USES_OLD_FILES})[30h:10m]) and {_SAME} {series('up')}",
            "files",
        )
        + " > 0",
        "30m",
        Severity.WARNING,
        "The {{ $labels.files }} of account {{ $labels.account }} cannot be read from their files",
        "Requests use the previous {{ $labels.files }}. When those expire, account {{ $labels.account }} is "
        "no longer monitored, and a restart of the exporter would fail. The log has the reason.",
    ),
    Alert(
        "AIOZPinPollErrorsHigh",
        f"{_failing(_OVER_AN_HOUR)} and {_failing('2h')}",
        "10m",
        Severity.WARNING,
        "{{ $value | humanizePercentage }} of the {{ $labels.collector }} polls of account {{ "
        "$labels.account }} fail",
        "Many polls failed over the last hour and over the last two hours. The data may still be current, "
        "but is close to being stale. aiozpin_poll_failures_total has the reason.",
    ),
    Alert(
        "AIOZPinThrottled",
        _rate_limited(_OVER_AN_HOUR),
        "15m",
        Severity.WARNING,
        "AIOZ Pin answers {{ $value | humanizePercentage }} of the requests of account {{ $labels.account "
        "}} with 429",
        "The key makes more requests than the API allows: something else uses it, too, or "
        "requests_per_minute is too high. Other users of the key may be throttled as well.",
    ),
)
COUNT_ALERTS: Final = (
    Alert(
        "AIOZPinInventoryInconsistent",
        # A large account has an inventory every half hour, or even less often.
        _inconsistent("2h"),
        "1h",
        Severity.WARNING,
        "The pins of account {{ $labels.account }} cannot be counted reliably",
        "For more than an hour, {{ $value | humanizePercentage }} of the inventories were inconsistent, "
        "because the list changes faster than it can be read. Pins by status are outdated or inexact; files "
        "and size are correct.",
    ),
    Alert(
        "AIOZPinCountMismatch",
        f"{_UNCOUNTED} > {_TOLERATED_MISMATCH} or {_MALFORMED} > {_TOLERATED_MISMATCH}",
        "1h",
        Severity.WARNING,
        "The number of files and the number of pins of account {{ $labels.account }} differ by {{ $value | "
        'printf "%.0f" }}',
        "For more than an hour, the number of files that the API reports was not the number of pins in its "
        "list, or some pins in the list could not be read.",
    ),
)
