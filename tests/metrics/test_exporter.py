import platform
from collections.abc import Mapping

import prometheus_client
import pytest

from pin_exporter import __version__
from pin_exporter.metrics.exporter import REFUSALS, ExporterMetrics
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard

LOADED = "aiozpin_exporter_config_last_reload_successful"
LOADED_AT = "aiozpin_exporter_config_last_reload_success_timestamp_seconds"


def labels_of(metrics: ExporterMetrics, name: str) -> list[Mapping[str, str]]:
    samples = (sample for metric in metrics.registry.collect() for sample in metric.samples)
    return [sample.labels for sample in samples if sample.name == name]


def test_build_info_says_what_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_EXPORTER_BUILD_REVISION", "abc1234")
    info = {"version": __version__, "revision": "abc1234", "python_version": platform.python_version()}
    metrics = ExporterMetrics()

    assert labels_of(metrics, "aiozpin_exporter_build_info") == [info]
    assert metrics.registry.get_sample_value("aiozpin_exporter_build_info", info) == 1


@pytest.mark.parametrize("revision", [None, ""])
def test_a_build_without_a_revision_says_unknown(
    monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    monkeypatch.delenv("PIN_EXPORTER_BUILD_REVISION", raising=False)
    if revision is not None:
        monkeypatch.setenv("PIN_EXPORTER_BUILD_REVISION", revision)

    assert [labels["revision"] for labels in labels_of(ExporterMetrics(), "aiozpin_exporter_build_info")] == [
        "unknown"
    ]


def test_the_configuration_counts_as_loaded_once_it_was() -> None:
    metrics = ExporterMetrics()
    assert metrics.registry.get_sample_value(LOADED) == 0

    metrics.config_read(at=1_750_000_000.5, accepted=True)

    assert metrics.registry.get_sample_value(LOADED) == 1
    assert metrics.registry.get_sample_value(LOADED_AT) == 1_750_000_000.5


def test_a_configuration_that_was_refused_leaves_the_time_of_the_last_good_one() -> None:
    metrics = ExporterMetrics()
    metrics.config_read(at=5.0, accepted=True)

    metrics.config_read(at=6.0, accepted=False)

    assert metrics.registry.get_sample_value(LOADED) == 0
    assert metrics.registry.get_sample_value(LOADED_AT) == 5


def test_the_client_librarys_own_collectors_are_there() -> None:
    families = {metric.name for metric in ExporterMetrics().registry.collect()}

    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_start_time_seconds"} <= families
    assert {"python_info", "python_gc_collections"} <= families


def test_each_registry_is_its_own_and_the_global_one_is_left_alone() -> None:
    before = {metric.name for metric in prometheus_client.REGISTRY.collect()}

    first, second = ExporterMetrics(), ExporterMetrics()
    first.config_read(at=5.0, accepted=True)

    assert second.registry.get_sample_value(LOADED_AT) == 0
    assert {metric.name for metric in prometheus_client.REGISTRY.collect()} == before


def test_refusals_are_counted_by_reason_from_0_on() -> None:
    metrics = ExporterMetrics()
    name = "aiozpin_exporter_web_refusals_total"
    assert tuple(labels["reason"] for labels in labels_of(metrics, name)) == REFUSALS
    assert metrics.registry.get_sample_value(name, {"reason": "slow"}) == 0

    metrics.refused("slow")

    assert metrics.registry.get_sample_value(name, {"reason": "slow"}) == 1
    assert metrics.registry.get_sample_value(name, {"reason": "busy"}) == 0


def test_the_web_configuration_is_good_until_it_is_refused() -> None:
    metrics = ExporterMetrics()
    name = "aiozpin_exporter_web_config_last_reload_successful"
    assert metrics.registry.get_sample_value(name) == 1
    metrics.web_config_read(accepted=False)
    assert metrics.registry.get_sample_value(name) == 0
    metrics.web_config_read(accepted=True)
    assert metrics.registry.get_sample_value(name) == 1


@pytest.mark.parametrize(("shard", "number", "total"), [(SINGLE_SHARD, 0, 1), (Shard(2, 5), 2, 5)])
def test_the_shard_is_always_told(shard: Shard, number: int, total: int) -> None:
    registry = ExporterMetrics(shard).registry

    assert registry.get_sample_value("aiozpin_exporter_shard") == number
    assert registry.get_sample_value("aiozpin_exporter_total_shards") == total
