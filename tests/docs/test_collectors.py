"""Collectors, configured as docs/collectors.md says, forward what the exporter exposes."""

import json
import re
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from dev.project import ROOT
from pin_exporter.metrics.account import ACCOUNT_FAMILIES
from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.exposition.family import Type
from tests.e2e.hostile import HostileServer
from tests.grafana.support.grafana import panels_of, steps_of_buckets
from tests.grafana.support.stand import DASHBOARD, look
from tests.metrics.golden import rendered
from tests.support.exposition import samples, series
from tests.support.processes import (
    RunningExporter,
    RunningPrometheus,
    exporter,
    free_port,
    prometheus,
    running,
    simulator,
    wait_for,
)
from tests.support.samples import FULL
from tests.support.servers import answer
from tests.support.tools import built_tool

pytestmark = pytest.mark.slow

PAGE: Final = (ROOT / "docs" / "collectors.md").read_text(encoding="utf-8")
TARGET: Final = "localhost:10242"
VMAGENT_LIMIT_BYTES: Final = 16 * 1024**2


def block(heading: str, language: str) -> str:
    """Return the code block in this language under a heading of the page."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    text: str = code
    return text


def changed(text: str, **changes: str) -> str:
    """Replace words of a configuration, each of which must be there."""
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExporter]:
    """Run an exporter of two accounts, whose metrics do not change any more."""
    shares = "in-progress-share=0.1,failed-share=0.1,unknown-share=0.02,by-cid-share=0.3,duplicate-share=0.1"
    with ExitStack() as stack:
        simulated = stack.enter_context(
            simulator(f"--account=full:pins=700,{shares}", "--account=empty:pins=0")
        )
        config = tmp_path_factory.mktemp("exported") / "config.yml"
        config.write_text(simulated.config(poll_interval="1h"))
        one = stack.enter_context(exporter({}, f"--config.file={config}"))
        for account in simulated.keys:
            wait_for(lambda: one.value(f'aiozpin_inventory_consistent{{account="{account}"}}'), account)  # noqa: B023
        yield one


def own(values: dict[str, float]) -> dict[str, float]:
    """Return the series that do not change from scrape to scrape."""
    return {each: value for each, value in values.items() if each.startswith("aiozpin_")}


def assert_forwarded(exported: RunningExporter, forwarded: Callable[[], dict[str, float]]) -> None:
    """Wait until every series was forwarded, and compare all values with the exposition."""
    expected = own(samples(exported.metrics()))
    assert expected["aiozpin_pin_size_bytes_count[('account', 'full')]"] == 700
    found: dict[str, float] = {}

    def is_complete() -> bool:
        found.update(own(forwarded()))
        return found.keys() >= expected.keys()

    with suppress(AssertionError):  # the comparison tells more
        wait_for(is_complete, "all series")
    # vmagent's parser is one bit off for some numbers with an exponent.
    assert found == pytest.approx(expected, rel=1e-15)


@contextmanager
def vmagent(directory: Path, target: str, **changes: str) -> Iterator[RunningPrometheus]:
    """Run vmagent as the page says; yield the Prometheus that it writes to."""
    receiver = "--web.enable-remote-write-receiver"
    config = directory / "aioz-pin.yml"
    config.write_text(changed(block("VictoriaMetrics", "yaml"), **{TARGET: target, "1m": "1s"}, **changes))
    with prometheus(directory, [], receiver) as database:
        url = database.url.removeprefix("http://")
        named = {"vmagent": str(built_tool("vmagent")), "aioz-pin.yml": str(config), "localhost:8428": url}
        command = shlex.split(changed(block("VictoriaMetrics", "sh"), **named))
        places = (f"-remoteWrite.tmpDataPath={directory}", f"-httpListenAddr=127.0.0.1:{free_port()}")
        with running([*command, *places, "-remoteWrite.flushInterval=100ms"]) as process:
            process.wait_for_line("static_configs: added targets: 1")
            yield database


def stored(database: RunningPrometheus, job: str) -> dict[str, float]:
    """Return what a database has of a job, without the labels of the scrape."""
    found = {}
    for each in database.query(f'{{__name__=~"aiozpin_.+",job="{job}",instance!=""}}'):
        labels = {k: v for k, v in each["metric"].items() if k not in ("__name__", "job", "instance")}
        found[series(each["metric"]["__name__"], labels)] = float(each["value"][1])
    return found


def test_prometheus_has_the_same_from_both_formats(exported: RunningExporter, tmp_path: Path) -> None:
    text = answer("200 OK", exported.metrics().encode(), f"Content-Type: {Format.TEXT.value}")
    with HostileServer(text).running() as server:
        jobs = {"openmetrics": [exported.url], "text": [f"http://127.0.0.1:{server.port}"]}
        with prometheus(tmp_path, jobs) as database:
            assert_forwarded(exported, lambda: stored(database, "text"))

            def renamed() -> dict[str, float]:
                found = stored(database, "openmetrics").items()
                return {re.sub(r"_g(count|sum)\[", r"_\1[", name): value for name, value in found}

            assert_forwarded(exported, renamed)
            assert database.query('aiozpin_pin_size_bytes_gcount{job="openmetrics"}')
            panels = panels_of(DASHBOARD)
            for panel in (panels["Pin sizes"], panels["Age of pins in progress"]):
                bars, bars_of_text = (
                    steps_of_buckets(look(database).choose(job=job).answers(panel)[0].series) for job in jobs
                )
                assert bars == bars_of_text
                assert sum(bars.values()) > 0


def test_vmagent_forwards_every_value(exported: RunningExporter, tmp_path: Path) -> None:
    with vmagent(tmp_path, exported.url.removeprefix("http://")) as database:
        assert_forwarded(exported, lambda: stored(database, "aioz-pin"))


@pytest.mark.parametrize(("limit", "up"), [("max_scrape_size: 64MiB", 1), ("", 0)])
def test_vmagent_reads_more_than_16_mib_only_if_configured(tmp_path: Path, limit: str, up: int) -> None:
    accounts = [replace(FULL, account=f"account-{number}") for number in range(1_700)]
    text = rendered(Format.TEXT, accounts).encode()
    assert len(text) > VMAGENT_LIMIT_BYTES
    server = HostileServer(answer("200 OK", text, f"Content-Type: {Format.TEXT.value}"))
    changes = {"max_scrape_size: 64MiB": limit}
    with server.running(), vmagent(tmp_path, f"127.0.0.1:{server.port}", **changes) as database:
        assert wait_for(lambda: database.values("up"), "a scrape") == {(): up}


def test_datadog_takes_the_buckets_of_gauge_histograms_for_gauges_and_leaves_out_count_and_sum() -> None:
    (instance,) = yaml.safe_load(block("Datadog Agent", "yaml"))["instances"]
    present, *overrides = instance["metrics"]
    histograms = [family.name for family in ACCOUNT_FAMILIES if family.type is Type.GAUGE_HISTOGRAM]
    assert overrides == [{name: {"type": "gauge"}} for name in histograms]
    (left_out,) = instance["raw_line_filters"]
    names = {
        line.partition("{")[0] for line in rendered(Format.TEXT).split("\n") if line[:1] not in ("", "#")
    }
    assert {name for name in names if re.search(left_out, name)} == {
        f"{name}_{what}" for name in histograms for what in ("count", "sum")
    }
    assert all(re.search(present, name) for name in names)


def points(metric: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield the samples of a metric in OTLP as Prometheus would name them."""

    def of(kind: str) -> Iterator[tuple[dict[str, str], Mapping[str, Any]]]:
        for point in metric.get(kind, {}).get("dataPoints", ()):
            yield {each["key"]: each["value"]["stringValue"] for each in point.get("attributes", ())}, point

    name = metric["name"]
    for labels, point in (*of("gauge"), *of("sum")):
        yield name, labels, point["asDouble"]
    for labels, point in of("histogram"):
        yield f"{name}_count", labels, float(point.get("count", 0))
        yield f"{name}_sum", labels, point["sum"]
        totals = accumulate(map(int, point["bucketCounts"]))
        for edge, total in zip((*point["explicitBounds"], "+Inf"), totals, strict=True):
            yield f"{name}_bucket", {**labels, "le": str(edge)}, total


@contextmanager
def otlp_receiver() -> Iterator[tuple[str, dict[str, float]]]:
    """Receive OTLP in JSON; yield the address and the samples received so far."""
    received: dict[str, float] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in sent["resourceMetrics"]:
                for scope in resource["scopeMetrics"]:
                    for metric in scope["metrics"]:
                        received.update({series(name, labels): v for name, labels, v in points(metric)})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def otelcol(directory: Path, exported: RunningExporter, **scrape: object) -> Iterator[dict[str, float]]:
    """Run a collector as the page says; yield the samples that it sends."""
    text = changed(block("OpenTelemetry Collector", "yaml"), **{TARGET: exported.url.removeprefix("http://")})
    config = yaml.safe_load(text)
    (job,) = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    job.update(scrape_interval="1s", **scrape)
    with otlp_receiver() as (url, received):
        config["exporters"]["otlp_http"] = {"endpoint": url, "encoding": "json", "compression": "none"}
        config["service"]["telemetry"] = {"metrics": {"level": "none"}}
        file = directory / "collector.json"
        file.write_text(json.dumps(config))
        with running([built_tool("otelcol"), f"--config=file:{file}"]) as process:
            process.wait_for_line("Everything is ready")
            yield received


@pytest.mark.collector
def test_the_opentelemetry_collector_forwards_every_value(exported: RunningExporter, tmp_path: Path) -> None:
    with otelcol(tmp_path, exported) as received:
        assert_forwarded(exported, lambda: received)


@pytest.mark.collector
def test_telegraf_forwards_every_value(exported: RunningExporter, tmp_path: Path) -> None:
    output, config = tmp_path / "metrics.json", tmp_path / "telegraf.conf"
    inputs = changed(block("Telegraf", "toml"), **{TARGET: exported.url.removeprefix("http://")})
    outputs = f'[[outputs.file]]\nfiles = ["{output}"]\ndata_format = "json"\n'
    config.write_text(f'[agent]\ninterval = "1s"\nflush_interval = "1s"\n{inputs}{outputs}')

    def forwarded() -> dict[str, float]:
        lines = output.read_text().split("\n")[:-1] if output.exists() else []
        found = {}
        for metric in map(json.loads, lines):
            tags = metric["tags"]
            assert (tags.pop("job"), tags.pop("instance")) == ("aioz-pin", f"{exported.url}/metrics")
            del tags["host"]
            found.update({series(name, tags): value for name, value in metric["fields"].items()})
        return found

    with running([built_tool("telegraf"), f"--config={config}"]) as process:
        process.wait_for_line("Loaded outputs: file")
        assert_forwarded(exported, forwarded)
