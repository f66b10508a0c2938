"""Metrics that are about the exporter itself and not about an account."""

import os
import platform
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector

from pin_exporter import __version__
from pin_exporter.families import EXPORTER_PREFIX
from pin_exporter.shard import ALONE, Shard

_REVISION_VARIABLE: Final = "PIN_EXPORTER_BUILD_REVISION"


class ProcessMetrics:
    """A registry of its own, filled with the client library's collectors and ours."""

    def __init__(self, shard: Shard = ALONE) -> None:
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
        Gauge(
            EXPORTER_PREFIX + "shard",
            "Number of this shard, from 0 on. Alone, 0.",
            registry=self.registry,
        ).set(shard.number)
        Gauge(
            EXPORTER_PREFIX + "total_shards",
            "How many shards the accounts are divided among. Without shards, 1.",
            registry=self.registry,
        ).set(shard.total)
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
