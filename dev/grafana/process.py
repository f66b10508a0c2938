"""Row 5, folded: how the exporter itself does."""

from typing import Final

from dev.grafana.colours import BAD, GOOD
from dev.grafana.panels import Panel, table_panel, time_panel, unit_of, words_of
from dev.grafana.series import EXPORTER, of_exporters, per_account, per_exporter, shown

TITLE: Final = "Exporter process"

_VERSIONS: Final = ("version", "revision", "python_version")


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    refusals = shown("exporter_web_refusals_total")
    return [
        time_panel(
            "Duration of polls against their interval",
            "What the last poll took, all waiting included, and the interval in force. The inventory's "
            "interval grows with the account, so that at most half of the request budget goes into it.",
            {
                "{{account}} {{collector}}": per_account("max", shown("poll_duration_seconds"), "collector"),
                "{{account}} {{collector}} interval": per_account(
                    "max", shown("poll_interval_seconds"), "collector"
                ),
            },
            unit="s",
        ),
        time_panel(
            "Refused a minute",
            "Connections and requests to the exporters that were refused, all together. docs/web-config.md "
            "says what each reason means.",
            {"{{reason}}": f"60 * sum by (reason) (rate({refusals}[$__rate_interval]))"},
            unit="cpm",
        ),
        time_panel(
            "CPU",
            "Share of one processor.",
            {"{{instance}}": of_exporters(f"rate({shown('process_cpu_seconds_total')}[$__rate_interval])")},
            unit="percentunit",
            span=8,
        ),
        time_panel(
            "Memory",
            "Resident memory.",
            {"{{instance}}": of_exporters(shown("process_resident_memory_bytes"))},
            unit="bytes",
            span=8,
        ),
        time_panel(
            "Open files",
            "Open files and sockets.",
            {"{{instance}}": of_exporters(shown("process_open_fds"))},
            unit="short",
            span=8,
        ),
        _exporters(),
    ]


def _exporters() -> Panel:
    loaded = shown("exporter_config_last_reload_successful")
    loaded_at = shown("exporter_config_last_reload_success_timestamp_seconds")
    web_loaded = shown("exporter_web_config_last_reload_successful")
    running = f"group by ({', '.join((*EXPORTER, *_VERSIONS))}) ({shown('exporter_build_info')})"
    started_at = of_exporters(shown("process_start_time_seconds"))
    return (
        table_panel(
            "Exporters",
            "What runs where, since when, and whether the configurations that were read last are in force.",
            {
                "Running since": f"1000 * {per_exporter('max', started_at)}",
                "Configuration": per_exporter("max", loaded),
                "Web configuration": per_exporter("max", web_loaded),
                "Configured at": f"1000 * {per_exporter('max', loaded_at)}",
                "Running": running,
            },
            names={
                "instance": "Instance",
                "version": "Version",
                "revision": "Revision",
                "python_version": "Python",
            },
            hidden=["Value #E"],
            sort_by="Running since",
        )
        .override_by_regexp("/^(Running since|Configured at)$/", [unit_of("dateTimeAsIso")])
        .override_by_regexp("/onfiguration$/", words_of({"1": ("IN FORCE", GOOD), "0": ("REFUSED", BAD)}))
    )
