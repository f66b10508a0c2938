"""Alerts on the exporter and its polls: whether the numbers can be believed."""

from typing import Final

from dev.grafana.alert import Alert, Severity
from dev.grafana.series import EXPORTER, data_age, per_account, series
from dev.grafana.thresholds import threshold

_SEEN_THIS_WEEK: Final = f"max_over_time({series('exporter_build_info')}[7d])"
_SEEN_TODAY: Final = f"max_over_time({series('exporter_build_info')}[1d])"
_PLACE: Final = ", ".join(EXPORTER[:-1])
_TOTAL_SHARDS: Final = series("exporter_total_shards")
_DIVIDED: Final = f"{_TOTAL_SHARDS} > 1"
_MOST_SHARDS: Final = f"max by ({_PLACE}) ({_TOTAL_SHARDS})"
# Not by instance: replicas of a shard are one shard. Exporters beside them that are no shards do not count.
_SHARDS_THERE: Final = (
    f'count by ({_PLACE}) (count_values by ({_PLACE}) ("shard", '
    f"{series('exporter_shard')} and on ({', '.join(EXPORTER)}) {_DIVIDED}))"
)
_AGE: Final = per_account("min", data_age(series("last_success_timestamp_seconds")), "collector")
_INTERVAL: Final = per_account("max", series("poll_interval_seconds"), "collector")
_OF_TOTALS: Final = 'collector="totals"'
_REFUSALS: Final = series("poll_failures_total", _OF_TOTALS, 'reason=~"unauthorized|forbidden"')
_SAME_ACCOUNT: Final = f"on ({', '.join((*EXPORTER, 'account'))})"
# Polls so rare that half an hour may pass without one.
_SLOW: Final = f"{series('poll_interval_seconds', _OF_TOTALS)} > 600"
_OLD_FILES: Final = f"increase({series('file_read_failures_total')}[15m])"
_FOR_TOTALS: Final = series("api_requests_total", 'operation="totals"')
_REQUESTS: Final = f"sum without (operation, code) (increase({_FOR_TOTALS}[15m]))"
# Was a request made with old files, in the newest 15 minutes that saw a request at all? So polls may be a day
# apart, and one that is well ends it. The first request of a new code is in no increase; of old files, it is.
_OF_NEWEST_REQUESTS: Final = f"{_OLD_FILES} > 0 or {_OLD_FILES} and {_SAME_ACCOUNT} {_REQUESTS} > 0"
_UNCOUNTED: Final = per_account("max", f"abs({series('inventory_unaccounted_files')})")
_UNREADABLE: Final = per_account("max", series("inventory_malformed_pins"))
_TOLERATED_MISMATCH: Final = threshold("count_mismatch_files")
_CODE_429: Final = 'code="429"'
# Polls that are an hour apart, and scrapes between them, never leave this window empty: a share of nothing is
# no number, and an alert on it would end and begin anew with each poll.
_OF_LATE: Final = "65m"
_OF_INVENTORY: Final = 'collector="inventory"'


def _older_than(intervals: str) -> str:
    return f"{_AGE} > {threshold(intervals)} * {_INTERVAL}"


def _refused(loaded: str, told: str) -> str:
    """Return the exporters that have refused a file; a label says which, for the metric's name gets lost."""
    return f'label_replace({series(loaded)} == 0, "refused", "{told}", "", "")'


def _failing(window: str) -> str:
    failures = series("poll_failures_total", 'reason!="inconsistent"')
    polls = series("polls_total")
    share = f"sum without (reason) (increase({failures}[{window}])) / increase({polls}[{window}])"
    return f"{per_account('max', share, 'collector')} > {threshold('poll_failure_ratio')}"


def _inconsistent(window: str) -> str:
    failures = series("poll_failures_total", _OF_INVENTORY, 'reason="inconsistent"')
    polls = series("polls_total", _OF_INVENTORY)
    share = f"sum without (reason) (increase({failures}[{window}])) / increase({polls}[{window}])"
    return f"{per_account('max', share)} > {threshold('inconsistent_ratio')}"


def _rate_limited(window: str) -> str:
    refused = f"increase({series('api_requests_total', _CODE_429)}[{window}])"
    requests = f"increase({series('api_requests_total')}[{window}])"
    share = f"{per_account('sum', refused)} / {per_account('sum', requests)}"
    return f"{share} > {threshold('rate_limited_ratio')}"


POLLING_ALERTS: Final = (
    Alert(
        "AIOZPinExporterDown",
        f"up == 0 and on ({', '.join(EXPORTER)}) {_SEEN_THIS_WEEK}",
        "5m",
        Severity.CRITICAL,
        "The exporter {{ $labels.instance }} cannot be scraped",
        "Prometheus cannot scrape {{ $labels.instance }} of job {{ $labels.job }}, which it could not long "
        "ago. Unless another exporter watches them, too, nothing is known about its accounts, and no other "
        "alert on them can fire.",
        on_account=False,
    ),
    Alert(
        "AIOZPinExporterAbsent",
        f"absent({_SEEN_TODAY}) or group by ({_PLACE}) ({_SEEN_TODAY}) "
        f"unless on ({_PLACE}) group by ({_PLACE}) (up)",
        "15m",
        Severity.CRITICAL,
        "Prometheus has no pin-exporter to scrape{{ with $labels.job }} in job {{ . }}{{ end }}",
        "There is no target where a pin-exporter was, or there never was one. Nothing is known about the "
        "accounts, and no other alert on them can fire.",
        on_account=False,
    ),
    Alert(
        "AIOZPinShardsMissing",
        f"{_MOST_SHARDS} - {_SHARDS_THERE} > 0 or {_MOST_SHARDS} - min by ({_PLACE}) ({_DIVIDED}) > 0",
        "15m",
        Severity.CRITICAL,
        "Shards of the exporter in job {{ $labels.job }} are missing, or do not agree on how many they are",
        "Prometheus scrapes fewer shards in job {{ $labels.job }} than they say there are, or they say "
        "different numbers. Nothing is known about accounts that no shard takes for its own, and no other "
        "alert on them can fire.",
        on_account=False,
    ),
    Alert(
        "AIOZPinConfigReloadFailed",
        f"{_refused('exporter_config_last_reload_successful', 'configuration')} or "
        f"{_refused('exporter_web_config_last_reload_successful', 'web configuration')}",
        "5m",
        Severity.WARNING,
        "The exporter {{ $labels.instance }} has refused its new {{ $labels.refused }}",
        "What {{ $labels.instance }} of job {{ $labels.job }} has read last cannot be put into force, and "
        "the {{ $labels.refused }} of before still is. A restart may fail. The log says what is wrong, under "
        "'{{ $labels.refused }} refused'.",
        on_account=False,
    ),
    Alert(
        "AIOZPinNeverPolled",
        f"{per_account('max', series('last_success_timestamp_seconds'), 'collector')} == 0",
        "30m",
        Severity.WARNING,
        "No poll of the {{ $labels.collector }} of account {{ $labels.account }} has succeeded yet",
        "Since the exporter started, no poll of the {{ $labels.collector }} has succeeded, so that it tells "
        "nothing of account {{ $labels.account }}. aiozpin_poll_failures_total names the reason, unless the "
        "first inventory is still under way.",
    ),
    Alert(
        "AIOZPinDataStale",
        _older_than("stale_warning_intervals"),
        "2m",
        Severity.WARNING,
        "The {{ $labels.collector }} data of account {{ $labels.account }} are stale",
        "The last successful {{ $labels.collector }} poll was {{ $value | humanizeDuration }} ago. The "
        "exporter drops data older than stale_after, and then alerts on the data cannot fire. "
        "aiozpin_poll_failures_total has the reason.",
    ),
    Alert(
        "AIOZPinDataStale",
        _older_than("stale_critical_intervals"),
        "2m",
        Severity.CRITICAL,
        "The {{ $labels.collector }} data of account {{ $labels.account }} are stale",
        "The last successful {{ $labels.collector }} poll was {{ $value | humanizeDuration }} ago. The "
        "account is not being monitored: data loss would go unnoticed. aiozpin_poll_failures_total has the "
        "reason.",
    ),
    Alert(
        "AIOZPinCredentialsRejected",
        per_account(
            "max",
            f"(increase({_REFUSALS}[30m]) > 0 or increase({_REFUSALS}[3d]) > 0 and {_SAME_ACCOUNT} {_SLOW}) "
            f"and {_SAME_ACCOUNT} {series('up')} == 0",
            "reason",
        ),
        "2m",
        Severity.CRITICAL,
        "AIOZ Pin refuses the key of account {{ $labels.account }} ({{ $labels.reason }})",
        "The API answers {{ $labels.reason }} to the key of account {{ $labels.account }}: it was revoked, "
        "it belongs elsewhere, or it may not list pins. No data come until there is a good one.",
    ),
    Alert(
        "AIOZPinCredentialFilesUnreadable",
        per_account(
            "max",
            f"last_over_time(({_OF_NEWEST_REQUESTS})[30h:10m]) and {_SAME_ACCOUNT} {series('up')}",
            "files",
        )
        + " > 0",
        "30m",
        Severity.WARNING,
        "The files with the {{ $labels.files }} of account {{ $labels.account }} cannot be read again",
        "A file has changed or gone, and requests are made with the {{ $labels.files }} of before. When "
        "those no longer hold, account {{ $labels.account }} goes unwatched; and the exporter would not "
        "start again. Its log names the reason.",
    ),
    Alert(
        "AIOZPinPollErrorsHigh",
        f"{_failing(_OF_LATE)} and {_failing('2h')}",
        "10m",
        Severity.WARNING,
        "{{ $value | humanizePercentage }} of the polls of {{ $labels.collector }} of account "
        "{{ $labels.account }} fail",
        "Many polls have failed over the last hour and the last two hours. The data may be up to date, "
        "but they are close to being stale. aiozpin_poll_failures_total names the reason.",
    ),
    Alert(
        "AIOZPinInventoryInconsistent",
        # A large account has one inventory in half an hour, or less.
        _inconsistent("2h"),
        "1h",
        Severity.WARNING,
        "The pins of account {{ $labels.account }} cannot be counted reliably",
        "For more than an hour, {{ $value | humanizePercentage }} of the inventories could not be proven, "
        "because the list changes faster than it is read. Pins by status are late or inexact; files and "
        "size are right.",
    ),
    Alert(
        "AIOZPinCountMismatch",
        f"{_UNCOUNTED} > {_TOLERATED_MISMATCH} or {_UNREADABLE} > {_TOLERATED_MISMATCH}",
        "1h",
        Severity.WARNING,
        '{{ $value | printf "%.0f" }} pins of account {{ $labels.account }} are reported and not counted, or '
        "the other way round",
        "The number of files that the API reports is not the number of pins that it lists, or some rows of "
        "the list cannot be read, for more than an hour.",
    ),
    Alert(
        "AIOZPinThrottled",
        _rate_limited(_OF_LATE),
        "15m",
        Severity.WARNING,
        "AIOZ Pin answers 429 to {{ $value | humanizePercentage }} of the requests of account {{ "
        "$labels.account }}",
        "The key makes more requests than the API allows. Something else uses it, too, or "
        "requests_per_minute is too high. Other users of the key may be turned away.",
    ),
)
