"""Metrics that are about the exporter itself and not about an account."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from pin_exporter import __version__
from pin_exporter.families import EXPORTER_PREFIX
from pin_exporter.log_events import LogEvent, LogEventCounter

_REVISION_VARIABLE: Final = "PIN_EXPORTER_BUILD_REVISION"


@dataclass(frozen=True, slots=True)
class _LogEvents(Collector):
    """The counts of the log's events, as the client library wants them."""

    counts: Callable[[], Mapping[LogEvent, int]]

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            EXPORTER_PREFIX + "log_events",
            "Warnings and errors in the log, by their message; other stands for those of libraries.",
            labels=("level", "event"),
        )
        for (level, message), count in self.counts().items():
            family.add_metric((level, message), count)
        yield family


class ProcessMetrics:
    """A registry of its own, filled with the client library's collectors and ours."""

    def __init__(self, log_events: LogEventCounter | None = None) -> None:
        """Show what `log_events` counts, or that nothing was."""
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build_info = Gauge(
            EXPORTER_PREFIX + "build_info",
            "1, with what is running as labels.",
            ("version", "revision", "python_version"),
            registry=self.registry,
        )
        revision = os.environ.get(_REVISION_VARIABLE) or "unknown"
        build_info.labels(__version__, revision, platform.python_version()).set(1)
        counter = log_events or LogEventCounter()
        self.registry.register(_LogEvents(lambda: counter.counts))
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

    def config_read(self, *, at: float, accepted: bool) -> None:
        """Note that the configuration was read at a time in Unix seconds, and whether it is in force now."""
        self._reloaded.set(accepted)
        if accepted:
            self._reloaded_at.set(at)
