"""Metrics that are about the exporter itself and not about an account."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from pin_exporter import __version__
from pin_exporter.metrics import EXPORTER_PREFIX
from pin_exporter.toolkit.logs import LogEvent, LogEventCounter
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard

LOG_EVENTS: Final = (
    *(
        LogEvent("warning", event)
        for event in (
            "basic_auth_without_tls",
            "certificates_unusable",
            "inventory_unproven",
            "key_file_unreadable",
            "keys_sent_unencrypted",
            "poll_failed",
            "poll_still_failing",
            "setting_needs_restart",
            "unknown_variable",
            "web_config_open",
        )
    ),
    *(
        LogEvent("error", event)
        for event in ("config_reload_failed", "internal_error", "web_config_reload_failed")
    ),
)
"""Every warning and error that the package logs itself; a test holds the list against the code."""
REFUSALS: Final = ("password", "busy", "handshake", "certificate", "slow", "crowded")
"""Wrong or no password; too much at once; no TLS, or no good certificate; the certificate of somebody else; a
client that kept the server waiting for too long, or when there was no room."""
_REVISION_VARIABLE: Final = "PIN_EXPORTER_BUILD_REVISION"


def build_info_alone() -> CollectorRegistry:
    """Return a registry that tells what is running, and nothing else."""
    registry = CollectorRegistry(auto_describe=False)
    _add_build_info(registry)
    return registry


def _add_build_info(registry: CollectorRegistry) -> None:
    build_info = Gauge(
        EXPORTER_PREFIX + "build_info",
        "1, with what is running as labels.",
        ("version", "revision", "python_version"),
        registry=registry,
    )
    revision = os.environ.get(_REVISION_VARIABLE) or "unknown"
    build_info.labels(__version__, revision, platform.python_version()).set(1)


@dataclass(frozen=True, slots=True)
class _Counts(Collector):
    """A counter kept elsewhere, without the client library's series that tell when counting began."""

    name: str
    told: str
    labels: Sequence[str]
    counts: Callable[[], Iterable[tuple[Sequence[str], int]]]

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(EXPORTER_PREFIX + self.name, self.told, labels=self.labels)
        for values, count in self.counts():
            family.add_metric(values, count)
        yield family


class ExporterMetrics:
    """A registry of its own, filled with the client library's collectors and ours."""

    def __init__(self, shard: Shard = SINGLE_SHARD, log_events: LogEventCounter | None = None) -> None:
        """Show what `log_events` counts, or that nothing was."""
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        _add_build_info(self.registry)
        Gauge(
            EXPORTER_PREFIX + "shard",
            "Number of this shard, from 0 on. Alone, 0.",
            registry=self.registry,
        ).set(shard.index)
        Gauge(
            EXPORTER_PREFIX + "total_shards",
            "How many shards the accounts are divided among. Without shards, 1.",
            registry=self.registry,
        ).set(shard.total)
        counter = log_events or LogEventCounter("pin_exporter", LOG_EVENTS)
        told = "Number of warnings and errors logged, by event; other counts those of libraries."
        self.registry.register(
            _Counts("log_events", told, ("level", "event"), lambda: iter(counter.counts.items()))
        )
        told = "Connections and requests to the exporter that were refused."
        self._refusals = {(reason,): 0 for reason in REFUSALS}
        self.registry.register(_Counts("web_refusals", told, ("reason",), self._refusals.items))
        self._reloaded = Gauge(
            EXPORTER_PREFIX + "config_last_reload_successful",
            "1 if the configuration was accepted when it was read last, 0 if an older one is still in force.",
            registry=self.registry,
        )
        self._reloaded_at = Gauge(
            EXPORTER_PREFIX + "config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read.",
            registry=self.registry,
        )
        self._web_reloaded = Gauge(
            EXPORTER_PREFIX + "web_config_last_reload_successful",
            "1 if the web configuration in force is that of its files, 0 if they were refused.",
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
