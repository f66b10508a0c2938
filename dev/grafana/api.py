"""Row 4, folded: what the AIOZ Pin API does."""

from typing import Final

from dev.grafana.panels import Panel, time_panel, unit_of
from dev.grafana.series import per_account, shown

TITLE: Final = "AIOZ Pin API"


def _rate(name: str) -> str:
    return f"rate({shown(name)}[$__rate_interval])"


_BUCKETS: Final = f"sum by (operation, le) ({_rate('api_request_duration_seconds_bucket')})"


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        time_panel(
            "Requests a minute",
            "Requests to the API by HTTP status, of all exporters together; 'error' where no full answer "
            "came.",
            {"{{operation}} {{code}}": f"60 * sum by (operation, code) ({_rate('api_requests_total')})"},
            unit="reqpm",
        ),
        time_panel(
            "Failed polls by reason",
            "Polls that failed in the hour before each moment. docs/metrics.md says what to do about each "
            "reason.",
            {
                "{{account}} {{collector}} {{reason}}": per_account(
                    "max", f"increase({shown('poll_failures_total')}[1h])", "collector", "reason"
                )
                + " > 0"
            },
            unit="short",
        ),
        time_panel(
            "Duration of requests",
            "Median, 90th and 99th percentile of the time from connecting to the last byte.",
            {
                f"{{{{operation}}}} p{share:.0%}".rstrip("%"): f"histogram_quantile({share}, {_BUCKETS})"
                for share in (0.5, 0.9, 0.99)
            },
            unit="s",
        ),
        time_panel(
            "Waiting and retries",
            "Share of the time that requests waited for the own budget or because the API asked for it, and "
            "requests made once more, a minute.",
            {
                "{{account}} waiting": f"sum by (account) ({_rate('api_throttled_seconds_total')})",
                "{{account}} retries a minute": f"60 * sum by (account) ({_rate('api_retries_total')})",
            },
            unit="percentunit",
        ).override_by_regexp("/ retries a minute$/", [unit_of("cpm")]),
        time_panel(
            "Requests of an inventory",
            "What the last reading of each account's list took.",
            {"{{account}}": per_account("max", shown("inventory_requests"))},
            unit="short",
        ),
        time_panel(
            "Bytes received",
            "Bodies of the API's answers, after decompression.",
            {"{{account}}": f"sum by (account) ({_rate('api_response_bytes_total')})"},
            unit="Bps",
        ),
    ]
