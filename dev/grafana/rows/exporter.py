"""Row 7, collapsed: the exporters themselves."""

from typing import Final

from dev.grafana.colors import BAD, GOOD
from dev.grafana.panels import Panel, cell_texts, column_unit, table_panel, time_panel
from dev.grafana.promql import (
    EXPORTER,
    aggregate,
    only_exporters,
    per_account,
    per_exporter,
    selected,
)

TITLE: Final = "Exporter process"

_VERSIONS: Final = ("version", "revision", "python_version")


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    refusals = f"rate({selected('exporter_web_refusals_total')}[$__rate_interval])"
    cpu = f"rate({selected('process_cpu_seconds_total')}[$__rate_interval])"
    return [
        time_panel(
            "Poll duration and interval",
            "Duration of the last poll, including all waiting, and the current poll interval. The interval "
            "of the inventory grows with the account, so that it uses at most half of requests_per_minute.",
            {
                "{{account}} {{collector}}": per_account(
                    "max", selected("poll_duration_seconds"), "collector"
                ),
                "{{account}} {{collector}} interval": per_account(
                    "max", selected("poll_interval_seconds"), "collector"
                ),
            },
            unit="s",
        ),
        time_panel(
            "Rejected per minute",
            "Connections and requests that the exporters rejected. docs/web-config.md explains each reason.",
            {"{{reason}}": f"60 * {aggregate('sum', ['reason'], refusals)}"},
            unit="cpm",
        ),
        time_panel(
            "CPU",
            "CPU usage; 100 % is one core.",
            {"{{instance}}": only_exporters(cpu)},
            unit="percentunit",
            width=8,
        ),
        time_panel(
            "Memory",
            "Resident memory.",
            {"{{instance}}": only_exporters(selected("process_resident_memory_bytes"))},
            unit="bytes",
            width=8,
        ),
        time_panel(
            "Open files",
            "Open file descriptors, sockets included.",
            {"{{instance}}": only_exporters(selected("process_open_fds"))},
            unit="short",
            width=8,
        ),
        _exporters(),
    ]


def _exporters() -> Panel:
    loaded = selected("exporter_config_last_reload_successful")
    loaded_at = selected("exporter_config_last_reload_success_timestamp_seconds")
    web_loaded = selected("exporter_web_config_last_reload_successful")
    running = aggregate("group", (*EXPORTER, *_VERSIONS), selected("exporter_build_info"))
    started_at = only_exporters(selected("process_start_time_seconds"))
    return (
        table_panel(
            "Exporters",
            "Version and start time of each exporter, and whether it loaded the latest config file and web "
            "config.",
            {
                "Started": f"1000 * {per_exporter('max', started_at)}",
                "Config file": per_exporter("max", loaded),
                "Web config": per_exporter("max", web_loaded),
                "Config loaded": f"1000 * {per_exporter('max', loaded_at)}",
                "Running": running,
            },
            names={
                "instance": "Instance",
                "version": "Version",
                "revision": "Revision",
                "python_version": "Python",
            },
            hidden=["Value #E"],
            sort_by="Started",
        )
        .override_by_regexp("/^(Started|Config loaded)$/", [column_unit("dateTimeAsIso")])
        .override_by_regexp(
            "/^(Config file|Web config)$/", cell_texts({"1": ("LOADED", GOOD), "0": ("FAILED", BAD)})
        )
    )
