"""Prometheus scrapes the exporter, which polls the simulator: its totals are in Prometheus."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from pin_exporter.metrics.account import ACCOUNT_FAMILIES
from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.exposition.family import Type
from tests.e2e.hostile import HostileServer
from tests.grafana.support.grafana import panels_of, steps_of_buckets
from tests.grafana.support.stand import DASHBOARD, look
from tests.support.processes import (
    RunningExporter,
    RunningPrometheus,
    RunningSimulator,
    exporter,
    prometheus,
    simulator,
    wait_for,
)
from tests.support.servers import answer

ACCOUNTS = ("old", "new", "empty")
PANELS = panels_of(DASHBOARD)
GAUGE_HISTOGRAMS = [family.name for family in ACCOUNT_FAMILIES if family.type is Type.GAUGE_HISTOGRAM]


class Stand(NamedTuple):
    simulator: RunningSimulator
    exporter: RunningExporter
    prometheus: RunningPrometheus


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    directory = tmp_path_factory.mktemp("stand")
    with ExitStack() as stack:
        shares = "in-progress-share=0.05,failed-share=0.03,by-cid-share=0.3,duplicate-share=0.1"
        simulated = stack.enter_context(
            simulator(
                f"--account=old:pins=2345,vocabulary=2023,{shares}",
                f"--account=new:pins=1234,vocabulary=2024,removed-share=0.1,{shares},unknown-share=0.01",
                "--account=empty:pins=0,empty-as-null=true",
            )
        )
        config = directory / "config.yml"
        config.write_text(config_for(simulated, directory))
        exported = stack.enter_context(exporter({}, f"--config.file={config}"))
        wait_for(
            lambda: all(exported.value(f'aiozpin_inventory_consistent{{account="{a}"}}') for a in ACCOUNTS),
            "the first inventories",
        )
        scraping = stack.enter_context(prometheus(directory, [exported.url]))
        wait_for(lambda: len(scraping.query("aiozpin_pins")) > 0, "a scrape")
        yield Stand(simulated, exported, scraping)


def config_for(simulated: RunningSimulator, directory: Path) -> str:
    lines = [f"base_url: {simulated.base_url}", "accounts:"]
    for name, keys in simulated.keys.items():
        for kind in ("api_key", "secret_key"):
            (directory / f"{name}-{kind}").write_text(keys[f"PIN_EXPORTER_{kind.upper()}"] + "\n")
        lines += [
            f"  - name: {name}",
            f"    api_key_file: {directory / f'{name}-api_key'}",
            f"    secret_key_file: {directory / f'{name}-secret_key'}",
        ]
    return "\n".join(lines)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_prometheus_has_the_totals_of_the_api(stand: Stand, account: str) -> None:
    truth = stand.simulator.truth(account)
    match = f'{{account="{account}"}}'
    assert stand.prometheus.values(f"aiozpin_files{match}") == {(): truth["files"]}
    assert stand.prometheus.values(f"aiozpin_size_bytes{match}") == {(): truth["size_bytes"]}
    assert stand.prometheus.values(f"aiozpin_up{match}") == {(): 1}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_prometheus_has_pins_and_bytes_by_status(stand: Stand, account: str) -> None:
    by_status = stand.simulator.truth(account)["by_status"]
    expected = {
        (word,): sum(totals["files"] for totals in group) for word, group in grouped(by_status).items()
    }
    counted = stand.prometheus.values(f'sum by (status) (aiozpin_pins{{account="{account}"}}) > 0', "status")
    assert counted == expected
    size = {
        (word,): sum(totals["size_bytes"] for totals in group) for word, group in grouped(by_status).items()
    }
    stored = stand.prometheus.values(
        f'sum by (status) (aiozpin_stored_bytes{{account="{account}"}})', "status"
    )
    assert {status: stored[status] for status in size} == size


def grouped(rows: list[dict[str, object]]) -> dict[str, list[dict[str, int]]]:
    groups: dict[str, list[dict[str, int]]] = {}
    for row in rows:
        groups.setdefault(str(row["status"]), []).append(row)  # type: ignore[arg-type]
    return groups


@pytest.mark.parametrize("account", ACCOUNTS)
def test_prometheus_has_pins_by_sub_hash_status(stand: Stand, account: str) -> None:
    truth = stand.simulator.truth(account)["by_sub_hash_status"]
    counted = stand.prometheus.values(f'aiozpin_sub_hash_pins{{account="{account}"}} > 0', "sub_hash_status")
    assert counted == {(word,): count for word, count in truth.items()}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_prometheus_has_kinds_cids_and_the_size_histogram(stand: Stand, account: str) -> None:
    truth = stand.simulator.truth(account)
    match = f'account="{account}"'
    ask = stand.prometheus.values
    assert ask(f"aiozpin_unique_cids{{{match}}}") == {(): truth["distinct_cids"]}
    assert ask(f'sum(aiozpin_pins_by_kind{{{match},source="cid"}})') == {(): truth["by_cid"]}
    assert ask(f'sum(aiozpin_pins_by_kind{{{match},kind="directory"}})') == {(): truth["directories"]}
    assert ask(f'sum(aiozpin_pins_by_kind{{{match},pinned="true"}})') == {(): truth["pinned"]["files"]}
    assert ask(f'aiozpin_pin_size_bytes_bucket{{{match},le="+Inf"}}') == {(): truth["files"]}
    assert ask(f"aiozpin_pin_size_bytes_gsum{{{match}}}") == {(): truth["size_bytes"]}
    assert ask(f"aiozpin_inventory_unaccounted_files{{{match}}}") == {(): 0}


def test_prometheus_has_the_same_histograms_from_either_format(stand: Stand, tmp_path: Path) -> None:
    text = stand.exporter.metrics("text/plain").encode()
    in_text = HostileServer(answer("200 OK", text, f"Content-Type: {Format.TEXT.value}"))
    jobs = {"openmetrics": stand.exporter.url, "text": f"http://127.0.0.1:{in_text.port}"}
    with in_text.running(), prometheus(tmp_path, {job: [url] for job, url in jobs.items()}) as scraping:
        wait_for(lambda: len(scraping.query("aiozpin_up")) == 2 * len(ACCOUNTS), "both scrapes")

        views = [look(scraping).choose(job=job) for job in jobs]
        for panel in (PANELS["Pin sizes"], PANELS["Age of pins in progress"]):
            bars, bars_of_text = (steps_of_buckets(view.answers(panel)[0].series) for view in views)
            assert bars == bars_of_text
            assert sum(bars.values()) > 0
        for name in GAUGE_HISTOGRAMS:
            for what in ("count", "sum"):
                expected = scraping.values(f"{name}_g{what}", "job", "account")
                assert {("openmetrics", account) for account in ACCOUNTS} == set(expected)
                assert scraping.values(f"{name}_{what}", "job", "account") == {
                    ("text", account): value for (_, account), value in expected.items()
                }


def test_prometheus_has_metadata_for_every_family(stand: Stand) -> None:
    types = stand.prometheus.values('count by (__name__) ({__name__=~"aiozpin_.+"})', "__name__")
    assert len(types) > 35
    assert stand.prometheus.values("up", "job") == {("aioz-pin",): 1}
