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
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Refusal, Refusals

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

    def __init__(
        self,
        shard: Shard = SINGLE_SHARD,
        log_events: LogEventCounter | None = None,
        web_config: WebConfigWatcher | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        """Show what the given objects count; without one, nothing was counted."""
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
        refused = Refusals() if refusals is None else refusals
        self.registry.register(
            _Counts(
                "web_refusals",
                told,
                ("reason",),
                lambda: [((reason,), refused[reason]) for reason in Refusal],
            )
        )
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
        Gauge(
            EXPORTER_PREFIX + "web_config_last_reload_successful",
            "1 if the web configuration in force is that of its files, 0 if they were refused.",
            registry=self.registry,
        ).set_function(lambda: float(web_config is None or web_config.is_current))

    def config_loaded(self, *, succeeded: bool, at: float) -> None:
        """Record that the configuration was loaded, or could not be, at a time in Unix seconds."""
        self._reloaded.set(succeeded)
        if succeeded:
            self._reloaded_at.set(at)
