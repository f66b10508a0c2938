"""Alerts on the data of accounts: lost, failed or stuck pins, unknown statuses, and the size limit."""

from typing import Final

from dev.grafana.alert import Alert, Severity
from dev.grafana.promql import per_account, series
from dev.grafana.recordings import SIZE
from dev.grafana.thresholds import threshold
from pin_exporter.api.model import Phase

_BALANCE_EXHAUSTED: Final = 'status=~"(?i:unpinOutOfMoney)"'
_FILES: Final = per_account("max", series("files"))
_MOST_FILES_OF_A_DAY: Final = per_account("max", f"max_over_time({series('files')}[1d])")
_LIMIT: Final = per_account("max", series("size_limit_bytes"))
_FORECAST: Final = f"predict_linear({SIZE}[7d], {threshold('size_limit_forecast_seconds')})"
_IS_NEAR_LIMIT: Final = f"{SIZE} > {threshold('size_limit_level_ratio')} * {_LIMIT}"
# A range: at exactly one day ago, the exporter may have been restarting.
_HAS_A_DAY_OF_DATA: Final = f"present_over_time({SIZE}[1d] offset 1d)"


def _pins(phase: Phase, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return the pins of each account; those that two replicas count are counted once."""
    counted = per_account("max", series("pins", f'phase="{phase}"', *matchers), "status", "phase")
    return per_account("sum", counted, *by)


PIN_ALERTS: Final = (
    Alert(
        "AIOZPinBalanceExhausted",
        f"{_pins(Phase.REMOVED, _BALANCE_EXHAUSTED)} > {threshold('balance_exhausted_pins')}",
        "5m",
        Severity.CRITICAL,
        '{{ $value | printf "%.0f" }} pins of account {{ $labels.account }} were removed because the '
        "balance is exhausted",
        "AIOZ Pin no longer stores these pins, because the balance of account {{ $labels.account }} is "
        "exhausted. More pins may be removed. Top up the balance and pin the content again while somebody "
        "still provides it.",
    ),
    Alert(
        "AIOZPinFilesDropped",
        f"{_FILES} < (1 - {threshold('dropped_files_ratio')}) * {_MOST_FILES_OF_A_DAY}",
        "10m",
        Severity.CRITICAL,
        'Account {{ $labels.account }} lost files: {{ $value | printf "%.0f" }} are left',
        'Account {{ $labels.account }} has {{ $value | printf "%.0f" }} files, far fewer than at some time '
        "within the last day. If nobody deleted them on purpose, investigate now.",
    ),
    Alert(
        "AIOZPinPinsFailed",
        f"{_pins(Phase.FAILED)} > {threshold('failed_pins')}",
        "15m",
        Severity.WARNING,
        '{{ $value | printf "%.0f" }} pins of account {{ $labels.account }} failed',
        "AIOZ Pin gave up on these pins and does not store their content. Pin them again, or delete them.",
    ),
    Alert(
        "AIOZPinPinsStuck",
        f"time() - {per_account('min', series('oldest_unfinished_pin_timestamp_seconds'))} > "
        f"{threshold('stuck_seconds')}",
        "15m",
        Severity.WARNING,
        "A pin of account {{ $labels.account }} has been in progress for {{ $value | humanizeDuration }}",
        "The oldest pin in progress of account {{ $labels.account }} does not finish. A large upload may "
        "take a very long time; a CID that nobody provides is never found.",
    ),
    Alert(
        "AIOZPinNoNewPins",
        f"time() - {per_account('max', series('newest_pin_timestamp_seconds'))} > "
        f"{threshold('no_new_pins_seconds')}",
        "15m",
        Severity.WARNING,
        "The newest pin of account {{ $labels.account }} is {{ $value | humanizeDuration }} old",
        "New pins are expected in account {{ $labels.account }}, but there are none. The job that creates "
        "them may have stopped.",
    ),
    Alert(
        "AIOZPinUnknownStatus",
        f"{_pins(Phase.UNKNOWN, by=('status',))} > 0",
        "30m",
        Severity.INFO,
        '{{ $value | printf "%.0f" }} pins of account {{ $labels.account }} have the unknown status {{ '
        "$labels.status }}",
        "The API uses a status that this version of the exporter does not know. Panels and alerts count "
        "these pins as neither pinned nor failed.",
    ),
)
_TO_PIN: Final = per_account(
    "sum", per_account("max", series("expected_cids", 'state=~"failed|missing|removed"'), "state")
)
_LIST_READ_AT: Final = per_account("max", series("expected_cids_read_timestamp_seconds"))
_INVENTORY_INTERVAL: Final = per_account("max", series("poll_interval_seconds", 'collector="inventory"'))
_RETRIEVED_AT: Final = per_account("max", series("last_retrieval_timestamp_seconds"))
_ATTEMPTS: Final = series("retrievals_total", 'result!~"ok|unverifiable"')
_CORRUPT: Final = series("retrievals_total", 'result="corrupt"')
_COST: Final = per_account("sum", per_account("max", series("billing_cost_usd"), "item"))

THERE_ALERTS: Final = (
    Alert(
        "AIOZPinExpectedMissing",
        f"{_TO_PIN} > {threshold('missing_cids')}",
        "10m",
        Severity.CRITICAL,
        '{{ $value | printf "%.0f" }} expected CIDs of account {{ $labels.account }} must be pinned again',
        "These CIDs of expected_cids_file are missing, removed or failed: AIOZ Pin does not store them. The "
        "account's status page lists them. Pin them again while somebody still provides the content.",
    ),
    Alert(
        "AIOZPinExpectedCidsUnreadable",
        f"time() - {_LIST_READ_AT} > 3 * {_INVENTORY_INTERVAL} + 600 or "
        f"{per_account('max', series('expected_cids_malformed_lines'))} > 0",
        "15m",
        Severity.WARNING,
        "expected_cids_file of account {{ $labels.account }} is not read, or contains lines that are no CIDs",
        "Account {{ $labels.account }} is compared with an old list of expected CIDs, with none, or with a "
        "list that lacks some lines. The log and the status page name the problem.",
    ),
    Alert(
        "AIOZPinRetrievalFailing",
        f"{per_account('max', series('unretrievable_cids'))} > {threshold('unretrievable_cids')}",
        "15m",
        Severity.WARNING,
        '{{ $value | printf "%.0f" }} sampled CIDs of account {{ $labels.account }} cannot be retrieved',
        "The gateway did not send the root blocks of these pinned CIDs, three times over an hour. The "
        "account's status page lists them.",
    ),
    Alert(
        "AIOZPinRetrievalImpossible",
        f"time() - {_RETRIEVED_AT} > 7200 and {per_account('sum', f'increase({_ATTEMPTS}[2h])')} > 5",
        "15m",
        Severity.WARNING,
        "Nothing of account {{ $labels.account }} could be retrieved for two hours",
        "Every attempt to fetch a block failed: the gateway is down, refuses requests, or does not send raw "
        "blocks. Whether the data can be retrieved is not known.",
    ),
    Alert(
        "AIOZPinContentCorrupt",
        f"{per_account('sum', f'increase({_CORRUPT}[2h])')} > 0",
        "1m",
        Severity.CRITICAL,
        "The gateway sent corrupt content of account {{ $labels.account }}",
        "A block arrived that does not have the hash in its CID. The gateway, its cache or its storage is "
        "damaged.",
    ),
)
SIZE_ALERTS: Final = (
    Alert(
        "AIOZPinSizeLimitNearing",
        f"({_FORECAST} > {_LIMIT} and {_IS_NEAR_LIMIT} and {_HAS_A_DAY_OF_DATA}) or {SIZE} >= {_LIMIT}",
        "1h",
        Severity.WARNING,
        "Account {{ $labels.account }} is about to reach its size limit, or has reached it",
        "At the growth rate of the last 7 days, account {{ $labels.account }} will have {{ $value | "
        "humanize1024 }}B, which is above its configured limit; or it has already reached the limit.",
    ),
    Alert(
        "AIOZPinCostHigh",
        f"{_COST} > {threshold('month_cost_usd')}",
        "1h",
        Severity.WARNING,
        'This month, account {{ $labels.account }} has cost {{ $value | printf "%.2f" }} USD',
        "The cost of this month as billed is above the threshold.",
    ),
)
