"""The metrics of the exporter itself, and the ids of the warnings and errors that they count."""

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
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Refusal, Refusals

_WARNINGS: Final = {
    "basic_auth_without_tls": "The web config enables basic auth but not TLS.",
    "billing_failed": "The bill of an account cannot be read.",
    "certificates_unusable": "Certificate files cannot be used; the previous certificates stay in use.",
    "config_file_exposed": "The config file or `.env` contains keys, and every user can read it.",
    "expected_cids_bad_lines": "Lines of `expected_cids_file` are not CIDs; they are ignored.",
    "expected_cids_unreadable": "`expected_cids_file` cannot be read; the previous list stays in use.",
    "inventory_unproven": "An inventory was published that is not proven consistent.",
    "key_file_unreadable": "A key file cannot be read; the previous keys stay in use.",
    "keys_sent_unencrypted": "`base_url` uses http, so API keys are sent unencrypted.",
    "poll_failed": "A poll failed for the first time, or for another reason than before.",
    "poll_still_failing": "Polls have kept failing for another hour.",
    "setting_needs_restart": "A reload changed a setting that takes effect after a restart.",
    "unknown_variable": "An environment variable looks like a setting but is not one.",
    "web_config_open": "The web config enables neither TLS nor basic auth.",
}
_ERRORS: Final = {
    "config_reload_failed": "Reloading the configuration failed; the previous one stays in use.",
    "web_config_reload_failed": "Reloading the web config failed; the previous one stays in use.",
}
LOG_EVENTS: Final[Mapping[LogEvent, str]] = {
    LogEvent(level, event): text
    for level, events in (("warning", _WARNINGS), ("error", _ERRORS))
    for event, text in events.items()
}
"""All warnings and errors that the package logs, with their descriptions for `docs/metrics.md`."""

_REVISION_VARIABLE: Final = "PIN_EXPORTER_BUILD_REVISION"


class ExporterMetrics:
    """A registry of its own with the metrics of the exporter and of its process."""

    def __init__(
        self,
        shard: Shard = SINGLE_SHARD,
        log_events: LogEventCounter | None = None,
        web_config: WebConfigWatcher | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        """Export what the given objects count; without one, its counts are 0."""
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        _add_build_info(self.registry)
        self._gauge("shard", "Zero-based index of this shard; 0 without sharding.").set(shard.index)
        text = "Number of shards that the accounts are divided among; 1 without sharding."
        self._gauge("total_shards", text).set(shard.total)

        logged = log_events or LogEventCounter("pin_exporter", LOG_EVENTS)
        text = "Number of warnings and errors logged, whatever log_level is, by event."
        self._counter("log_events", text, ("level", "event"), lambda: list(logged.counts.items()))
        refused = Refusals() if refusals is None else refusals
        text = "Number of connections and requests to the exporter that were refused, by reason."
        self._counter(
            "web_refusals", text, ("reason",), lambda: [((each,), refused[each]) for each in Refusal]
        )

        text = "1 if the last configuration reload succeeded, 0 if it failed."
        self._reloaded = self._gauge("config_last_reload_successful", text)
        text = "Time of the last successful configuration reload, as Unix time."
        self._reloaded_at = self._gauge("config_last_reload_success_timestamp_seconds", text)
        text = "1 if the web config in use is that of its files or there is none, 0 if reloading it failed."
        web_reloaded = self._gauge("web_config_last_reload_successful", text)
        web_reloaded.set_function(lambda: float(web_config is None or web_config.is_current))

    def config_loaded(self, *, succeeded: bool, at: float) -> None:
        """Record that the configuration was loaded, or could not be, at a time in Unix seconds."""
        self._reloaded.set(succeeded)
        if succeeded:
            self._reloaded_at.set(at)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(EXPORTER_PREFIX + name, text, registry=self.registry)

    def _counter(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        counts: Callable[[], Iterable[tuple[Sequence[str], int]]],
    ) -> None:
        self.registry.register(_Counter(EXPORTER_PREFIX + name, text, labels, counts))


@dataclass(frozen=True, slots=True)
class _Counter(Collector):
    """A counter whose counts are kept elsewhere. Unlike the client library's it has no `_created` series."""

    name: str
    text: str
    labels: Sequence[str]
    counts: Callable[[], Iterable[tuple[Sequence[str], int]]]

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self.name, self.text, labels=self.labels)
        for values, count in self.counts():
            family.add_metric(values, count)
        yield family


def build_info_registry() -> CollectorRegistry:
    """Return a new registry with only the version of the exporter."""
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
