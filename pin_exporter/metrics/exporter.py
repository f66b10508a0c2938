"""The metrics of the exporter itself, which belong to no account."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from pin_exporter import __version__
from pin_exporter.metrics import EXPORTER_PREFIX
from pin_exporter.toolkit.logs import LogEvent, LogEventCounter
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard

LOG_EVENTS: Final[Mapping[LogEvent, str]] = {
    LogEvent("warning", "basic_auth_without_tls"): "The web config enables basic auth but not TLS.",
    LogEvent("warning", "certificates_unusable"): "Certificate files of the API or proxy cannot be used; "
    "the previous certificates stay in use.",
    LogEvent("warning", "inventory_unproven"): "An inventory was published that is not proven consistent.",
    LogEvent("warning", "key_file_unreadable"): "A key file cannot be read; the previous keys stay in use.",
    LogEvent("warning", "keys_sent_unencrypted"): "`base_url` uses http, so API keys are sent unencrypted.",
    LogEvent("warning", "poll_failed"): "A poll failed, or failed for another reason than before.",
    LogEvent("warning", "poll_still_failing"): "Polls have been failing for another hour.",
    LogEvent("warning", "setting_needs_restart"): "A reload changed a setting that needs a restart.",
    LogEvent(
        "warning", "unknown_variable"
    ): "An environment variable has the prefix of settings but is none.",
    LogEvent("warning", "web_config_open"): "The web config enables neither TLS nor basic auth.",
    LogEvent(
        "error", "config_reload_failed"
    ): "Reloading the configuration failed; the previous one stays in use.",
    LogEvent("error", "internal_error"): "The exporter exits because of a bug.",
    LogEvent(
        "error", "web_config_reload_failed"
    ): "Reloading the web config failed; the previous one stays in use.",
}
"""All warnings and errors that the package logs, with a description for `docs/metrics.md`."""
REFUSALS: Final = ("password", "busy", "handshake", "certificate", "slow", "crowded")
"""Wrong or no password; too much at once; no TLS, or no good certificate; the certificate of somebody else; a
client that kept the server waiting for too long, or when there was no room."""
_REVISION_VARIABLE: Final = "PIN_EXPORTER_BUILD_REVISION"


def build_info_alone() -> CollectorRegistry:
    """Return a registry with only the version of the exporter."""
    registry = CollectorRegistry(auto_describe=False)
    _add_build_info(registry)
    return registry


def _add_build_info(registry: CollectorRegistry) -> None:
    build_info = Gauge(
        EXPORTER_PREFIX + "build_info",
        "Version, revision and Python version of the exporter; always 1.",
        ("version", "revision", "python_version"),
        registry=registry,
    )
    revision = os.environ.get(_REVISION_VARIABLE) or "unknown"
    build_info.labels(__version__, revision, platform.python_version()).set(1)


@dataclass(frozen=True, slots=True)
class _Counts(Collector):
    """A counter that is counted elsewhere; it has no `_created` series."""

    name: str
    text: str
    labels: Sequence[str]
    counts: Callable[[], Iterable[tuple[Sequence[str], int]]]

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(EXPORTER_PREFIX + self.name, self.text, labels=self.labels)
        for values, count in self.counts():
            family.add_metric(values, count)
        yield family


class ExporterMetrics:
    """A registry of its own with the metrics of the exporter and of its process."""

    def __init__(self, shard: Shard = SINGLE_SHARD, log_events: LogEventCounter | None = None) -> None:
        """Show what `log_events` counts, or that nothing was."""
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        _add_build_info(self.registry)
        Gauge(
            EXPORTER_PREFIX + "shard",
            "Zero-based index of this shard; 0 without sharding.",
            registry=self.registry,
        ).set(shard.index)
        Gauge(
            EXPORTER_PREFIX + "total_shards",
            "Number of shards that the accounts are divided among; 1 without sharding.",
            registry=self.registry,
        ).set(shard.total)
        counter = log_events or LogEventCounter("pin_exporter", LOG_EVENTS)
        text = "Number of warnings and errors logged, whatever log_level is, by event."
        self.registry.register(
            _Counts("log_events", text, ("level", "event"), lambda: iter(counter.counts.items()))
        )
        text = "Number of connections and requests to the exporter that were refused, by reason."
        self._refusals = {(reason,): 0 for reason in REFUSALS}
        self.registry.register(_Counts("web_refusals", text, ("reason",), self._refusals.items))
        self._reloaded = Gauge(
            EXPORTER_PREFIX + "config_last_reload_successful",
            "1 if the last configuration reload succeeded, 0 if it failed.",
            registry=self.registry,
        )
        self._reloaded_at = Gauge(
            EXPORTER_PREFIX + "config_last_reload_success_timestamp_seconds",
            "Time of the last successful configuration reload, as Unix time.",
            registry=self.registry,
        )
        self._web_reloaded = Gauge(
            EXPORTER_PREFIX + "web_config_last_reload_successful",
            "1 if the web config in use is that of its files or there is none, 0 if reloading it failed.",
            registry=self.registry,
        )
        self._web_reloaded.set(1)

    def web_config_read(self, *, accepted: bool) -> None:
        """Note whether the web configuration is in force as its files are now."""
        self._web_reloaded.set(accepted)

    def refused(self, reason: str) -> None:
        """Count a connection or request that was refused, for one of REFUSALS."""
        self._refusals[reason,] += 1

    def config_read(self, *, at: float, accepted: bool) -> None:
        """Note that the configuration was read at a time in Unix seconds, and whether it is in force now."""
        self._reloaded.set(accepted)
        if accepted:
            self._reloaded_at.set(at)
