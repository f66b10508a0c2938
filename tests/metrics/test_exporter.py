import ast
import asyncio
import logging
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import pin_exporter
from pin_exporter import __version__
from pin_exporter.metrics.account import account_renderer
from pin_exporter.metrics.exporter import LOG_EVENTS, ExporterMetrics
from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.logs import EventLogger, LogEvent, LogEventCounter
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard
from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Refusal, Refusals
from tests.support.clocks import FakeClock

PACKAGE = Path(pin_exporter.__file__).parent
LEVELS = {"warning": "warning", "error": "error", "critical": "error"}


def value(metrics: ExporterMetrics, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return metrics.registry.get_sample_value(f"aiozpin_exporter_{name}", dict(labels or {}))


def labels_of(metrics: ExporterMetrics, name: str) -> list[Mapping[str, str]]:
    samples = (sample for metric in metrics.registry.collect() for sample in metric.samples)
    return [sample.labels for sample in samples if sample.name == f"aiozpin_exporter_{name}"]


@pytest.mark.parametrize(
    ("variable", "revision"), [("abc1234", "abc1234"), ("", "unknown"), (None, "unknown")]
)
def test_build_info_has_version_and_revision(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, revision: str
) -> None:
    monkeypatch.delenv("PIN_EXPORTER_BUILD_REVISION", raising=False)
    if variable is not None:
        monkeypatch.setenv("PIN_EXPORTER_BUILD_REVISION", variable)
    info = {"version": __version__, "revision": revision, "python_version": platform.python_version()}
    metrics = ExporterMetrics()

    assert labels_of(metrics, "build_info") == [info]
    assert value(metrics, "build_info", info) == 1


def test_a_failed_reload_leaves_the_time_of_the_last_successful_one() -> None:
    metrics = ExporterMetrics()
    successful, at = "config_last_reload_successful", "config_last_reload_success_timestamp_seconds"
    assert value(metrics, successful) == 0
    for succeeded, called_at in ((True, 5.5), (False, 6.0)):
        metrics.config_loaded(succeeded=succeeded, at=called_at)
        assert (value(metrics, successful), value(metrics, at)) == (succeeded, 5.5)


def test_the_web_config_counts_as_reloaded_while_it_is_current() -> None:
    watcher = WebConfigWatcher(None, WebConfig(), FakeClock())
    metrics = ExporterMetrics(web_config=watcher)
    for is_current in (True, False, True):
        watcher.is_current = is_current
        assert value(metrics, "web_config_last_reload_successful") == is_current


def test_refusals_are_counted_by_reason_from_0() -> None:
    refusals = Refusals()
    metrics = ExporterMetrics(refusals=refusals)
    refusals[Refusal.SLOW] += 1
    counts = {reason: value(metrics, "web_refusals_total", {"reason": reason}) for reason in Refusal}
    assert counts == {reason: float(reason is Refusal.SLOW) for reason in Refusal}


@pytest.mark.parametrize(("shard", "index", "total"), [(SINGLE_SHARD, 0, 1), (Shard(2, 5), 2, 5)])
def test_the_shard_is_always_exported(shard: Shard, index: int, total: int) -> None:
    metrics = ExporterMetrics(shard)
    assert (value(metrics, "shard"), value(metrics, "total_shards")) == (index, total)


def test_the_global_registry_is_not_used() -> None:
    before = {metric.name for metric in prometheus_client.REGISTRY.collect()}
    first, second = ExporterMetrics(), ExporterMetrics()
    first.config_loaded(succeeded=True, at=5.0)
    assert value(second, "config_last_reload_successful") == 0
    assert {metric.name for metric in prometheus_client.REGISTRY.collect()} == before


def test_both_formats_have_the_metrics_of_exporter_and_process() -> None:
    renderer = account_renderer(list, ExporterMetrics().registry, lambda: 0.0)
    text = asyncio.run(renderer.render(Format.TEXT)).decode()
    openmetrics = asyncio.run(renderer.render(Format.OPENMETRICS)).decode()
    names = {sample.name for family in parse_text(text) for sample in family.samples}
    others = parse_openmetrics(openmetrics)  # type: ignore[no-untyped-call]

    assert names == {sample.name for family in others for sample in family.samples}
    assert {"process_cpu_seconds_total", "python_info", "python_gc_collections_total"} <= names
    assert {"aiozpin_exporter_build_info", "aiozpin_exporter_log_events_total"} <= names
    assert not [name for name in names if name.endswith("_created")]


def logged_events() -> Iterator[LogEvent]:
    """Yield the warnings and errors that the package logs."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and ast.unparse(node.func.value) == "_log"
            ):
                event = node.args[0]
                assert isinstance(event, ast.Constant), f"{path}: the event id must be a literal"
                yield LogEvent(LEVELS[node.func.attr], str(event.value))


def test_all_warnings_and_errors_of_the_package_are_listed() -> None:
    logged, listed = set(logged_events()), set(LOG_EVENTS)
    hint = "LOG_EVENTS in pin_exporter/metrics/exporter.py, then run `make metrics`"
    assert logged - listed == set(), f"add to {hint}"
    assert listed - logged == set(), f"remove from {hint}"
    assert len({event.event for event in LOG_EVENTS}) == len(LOG_EVENTS)
    assert all(event.event.isidentifier() and event.event.islower() for event in LOG_EVENTS)


def test_log_events_are_counted_by_level_and_id_from_0() -> None:
    counter = LogEventCounter("pin_exporter", LOG_EVENTS)
    metrics = ExporterMetrics(log_events=counter)
    logger = logging.getLogger("pin_exporter.polling")
    logger.addHandler(counter)
    try:
        EventLogger(logger.name).warning("poll_failed", "poll failed", account="a")
    finally:
        logger.removeHandler(counter)

    counts = {
        event: value(metrics, "log_events_total", {"level": event.level, "event": event.event})
        for event in LOG_EVENTS
    }
    assert counts == {event: float(event.event == "poll_failed") for event in LOG_EVENTS}
