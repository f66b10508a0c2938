"""Row 6, collapsed: requests to the AIOZ Pin API."""

from typing import Final

from dev.grafana.colors import GOOD, NEUTRAL
from dev.grafana.panels import Panel, column_unit, state_panel, time_panel
from dev.grafana.promql import aggregate, per_account, selected

TITLE: Final = "AIOZ Pin API"


def _rate(name: str) -> str:
    return f"rate({selected(name)}[$__rate_interval])"


def _rate_by(labels: list[str], name: str) -> str:
    return aggregate("sum", labels, _rate(name))


_BUCKETS: Final = _rate_by(["operation", "le"], "api_request_duration_seconds_bucket")


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        time_panel(
            "Requests per minute",
            "API requests of all exporters by HTTP status code; error where no complete response was "
            "received.",
            {"{{operation}} {{code}}": f"60 * {_rate_by(['operation', 'code'], 'api_requests_total')}"},
            unit="reqpm",
        ),
        time_panel(
            "Failed polls by reason",
            "Polls that failed in the preceding hour. docs/metrics.md explains each reason and what to do.",
            {
                "{{account}} {{collector}} {{reason}}": per_account(
                    "max", f"increase({selected('poll_failures_total')}[1h])", "collector", "reason"
                )
                + " > 0"
            },
            unit="short",
        ),
        time_panel(
            "Request duration",
            "Median, 90th and 99th percentile of the time from connecting to the last byte of the response.",
            {
                f"{{{{operation}}}} p{share:.0%}".rstrip("%"): f"histogram_quantile({share}, {_BUCKETS})"
                for share in (0.5, 0.9, 0.99)
            },
            unit="s",
        ),
        time_panel(
            "Throttling and retries",
            "Share of the time that requests waited for the exporter's own rate limit or for a Retry-After "
            "of the API, and retries per minute.",
            {
                "{{account}} throttled": _rate_by(["account"], "api_throttled_seconds_total"),
                "{{account}} retries per minute": f"60 * {_rate_by(['account'], 'api_retries_total')}",
            },
            unit="percentunit",
        ).override_by_regexp("/ retries per minute$/", [column_unit("cpm")]),
        time_panel(
            "Requests per inventory",
            "Number of API requests that the last inventory of each account took.",
            {"{{account}}": per_account("max", selected("inventory_requests"))},
            unit="short",
        ),
        time_panel(
            "Received bytes",
            "Size of the API responses after decompression, per second.",
            {"{{account}}": _rate_by(["account"], "api_response_bytes_total")},
            unit="binBps",
        ),
        state_panel(
            "Inventory mode",
            "FOLLOWED: the last inventory requested only what may have changed. FULL: it read all pins. "
            "docs/metrics.md explains when an account can be followed.",
            {"{{account}}": per_account("max", selected("inventory_mode", 'mode="followed"'))},
            texts={1: ("FOLLOWED", GOOD), 0: ("FULL", NEUTRAL)},
            width=8,
        ),
        time_panel(
            "Inventory fallbacks by reason",
            "Inventories in the preceding hour that read all pins because following failed. A few are "
            "normal; docs/metrics.md explains each reason.",
            {
                "{{account}} {{reason}}": per_account(
                    "max", f"increase({selected('inventory_fallbacks_total')}[1h])", "reason"
                )
                + " > 0"
            },
            unit="short",
            width=8,
        ),
        time_panel(
            "Age of the last full inventory",
            "Time since the last inventory that read all pins.",
            {"{{account}}": f"time() - {per_account('max', selected('inventory_full_timestamp_seconds'))}"},
            unit="s",
            width=8,
        ),
    ]
