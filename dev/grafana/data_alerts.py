"""Alerts on the accounts' data: whether something is lost, fails, or will not fit any more."""

from collections.abc import Sequence
from typing import Final

from dev.grafana.alert import Alert, Severity
from dev.grafana.recordings import SIZE
from dev.grafana.series import per_account, series
from dev.grafana.thresholds import threshold
from pin_exporter.api.model import Phase

_LIMIT: Final = per_account("max", series("size_limit_bytes"))
_LEVEL: Final = f"{threshold('size_limit_level_ratio')} * {_LIMIT}"
_FORECAST: Final = f"predict_linear({SIZE}[7d], {threshold('size_limit_forecast_seconds')})"
# A range, because a single moment a day ago may be one at which the exporter was being replaced.
_WATCHED_FOR_A_DAY: Final = f"present_over_time({SIZE}[1d] offset 1d)"


_FILES_OF_THE_DAY: Final = per_account("max", f"max_over_time({series('files')}[1d])")
_OUT_OF_MONEY: Final = 'status=~"(?i:unpinOutOfMoney)"'


def _pins(phase: Phase, *matchers: str, by: Sequence[str] = ()) -> str:
    """Return the pins of an account; those that two replicas count are counted once."""
    counted = per_account("max", series("pins", f'phase="{phase}"', *matchers), "status", "phase")
    return per_account("sum", counted, *by)


DATA_ALERTS: Final = (
    Alert(
        "AIOZPinBalanceExhausted",
        f"{_pins(Phase.REMOVED, _OUT_OF_MONEY)} > {threshold('balance_exhausted_pins')}",
        "5m",
        Severity.CRITICAL,
        '{{ $value | printf "%.0f" }} pins of account {{ $labels.account }} were dropped for lack of funds',
        "AIOZ Pin holds them no longer, because the balance of account {{ $labels.account }} ran out. More "
        "may follow. Top up, and pin them again before nobody has the content any more.",
    ),
    Alert(
        "AIOZPinFilesDropped",
        f"{per_account('max', series('files'))} < (1 - {threshold('dropped_files_ratio')}) * "
        f"{_FILES_OF_THE_DAY}",
        "10m",
        Severity.CRITICAL,
        'Account {{ $labels.account }} lost files: {{ $value | printf "%.0f" }} are left',
        'Account {{ $labels.account }} has {{ $value | printf "%.0f" }} files, far fewer than at some time '
        "within the last day. If nobody deleted them on purpose, find out now.",
    ),
    Alert(
        "AIOZPinPinsFailed",
        f"{_pins(Phase.FAILED)} > {threshold('failed_pins')}",
        "15m",
        Severity.WARNING,
        '{{ $value | printf "%.0f" }} pins of account {{ $labels.account }} failed',
        "AIOZ Pin gave them up: their content is not held. Pin them again, or delete them.",
    ),
    Alert(
        "AIOZPinPinsStuck",
        f"time() - {per_account('min', series('oldest_unfinished_pin_timestamp_seconds'))} > "
        f"{threshold('stuck_seconds')}",
        "15m",
        Severity.WARNING,
        "A pin of account {{ $labels.account }} has been in progress for {{ $value | humanizeDuration }}",
        "The oldest pin in progress of account {{ $labels.account }} does not get done. A large upload may "
        "take very long; a CID that nobody provides is never found.",
    ),
    Alert(
        "AIOZPinNoNewPins",
        f"time() - {per_account('max', series('newest_pin_timestamp_seconds'))} > "
        f"{threshold('no_new_pins_seconds')}",
        "15m",
        Severity.WARNING,
        "Nothing was pinned in account {{ $labels.account }} for {{ $value | humanizeDuration }}",
        "Account {{ $labels.account }} gets new pins regularly, and now it does not. What should have "
        "pinned them may have stopped.",
    ),
    Alert(
        "AIOZPinSizeLimitNearing",
        f"({_FORECAST} > {_LIMIT} and {SIZE} > {_LEVEL} and {_WATCHED_FOR_A_DAY}) or {SIZE} >= {_LIMIT}",
        "1h",
        Severity.WARNING,
        "Account {{ $labels.account }} is about to pass its size limit, or has passed it",
        "Growing as in the last 7 days, account {{ $labels.account }} comes to "
        "{{ $value | humanize1024 }}B, above the limit that is configured for it; or it is there already.",
    ),
    Alert(
        "AIOZPinUnknownStatus",
        f"{_pins(Phase.UNKNOWN, by=['status'])} > 0",
        "30m",
        Severity.INFO,
        '{{ $value | printf "%.0f" }} pins of account {{ $labels.account }} have the unknown status '
        "{{ $labels.status }}",
        "The API uses a word that this version of the exporter does not know, so that for panels and alerts "
        "these pins are neither pinned nor failed.",
    ),
)
