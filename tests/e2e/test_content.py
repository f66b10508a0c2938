"""Whether everything is still there, can be fetched, and what it costs, with real processes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.hostile import HostileServer
from tests.support.processes import (
    RunningExporter,
    RunningSimulator,
    exporter,
    run_to_end,
    simulator,
    wait_for,
)
from tests.support.servers import answer, hang_up

ACCOUNT = 'account="default"'
DOCTOR = (sys.executable, "-m", "pin_exporter", "doctor")
ONCE = (sys.executable, "-m", "pin_exporter", "once")
UNKNOWN = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
"""An empty directory, which the simulator never lists."""


def listed(simulated: RunningSimulator) -> list[dict[str, object]]:
    """Return all pins of the simulator, oldest first."""
    keys = {f"pinning_{key}": str(simulated.account("default")[key]) for key in ("api_key", "secret_key")}
    url = f"{simulated.base_url}/pinning/pins/?limit=1000&sortOrder=ASC"
    response = httpx.get(url, headers=keys)
    rows: list[dict[str, object]] = response.json()["data"]["pins"]
    return rows


@contextmanager
def configured(
    directory: Path, simulated: RunningSimulator, **settings: object
) -> Iterator[tuple[RunningExporter, Path]]:
    """Run an exporter that fetches often, and yield it with its config file."""
    config = directory / "config.yml"
    config.write_text(simulated.config(poll_interval="1s", retrievals_per_hour=36_000, **settings))
    config.chmod(0o600)
    with exporter({}, f"--config.file={config}") as exported:
        yield exported, config


def test_what_is_missing_is_counted_listed_and_printed_for_a_script(tmp_path: Path) -> None:
    file = tmp_path / "cids.txt"
    with simulator("--pins=30", "--failed-share=0.1", "--removed-share=0.1") as simulated:
        rows = listed(simulated)
        *expected, unexpected = (str(row["cid"]) for row in rows)
        lost = [row["cid"] for row in rows[:-1] if row["status"] not in ("pinned", "doneRetrieval")]
        with configured(tmp_path, simulated, expected_cids_file=str(file)) as (exported, config):

            def states() -> dict[str, float | None]:
                names = ("pinned", "failed", "removed", "missing")
                return {
                    name: exported.value(f'aiozpin_expected_cids{{{ACCOUNT},state="{name}"}}')
                    for name in names
                }

            failures = f"aiozpin_expected_cids_read_failures_total{{{ACCOUNT}}}"
            wait_for(lambda: exported.value(failures), "the file not to be found")
            wait_for(lambda: exported.value(f"aiozpin_inventory_consistent{{{ACCOUNT}}}"), "an inventory")
            assert states()["missing"] is None
            file.write_text("\n".join([*expected, UNKNOWN, "not-a-cid"]))
            wait_for(lambda: states()["missing"] == 1, "the comparison")
            failed = sum(row["status"] == "failed" for row in rows[:-1])
            assert states() == {
                "pinned": 29 - len(lost),
                "failed": failed,
                "removed": len(lost) - failed,
                "missing": 1,
            }
            is_pinned = rows[-1]["pinned"]
            assert exported.value(f"aiozpin_unexpected_cids{{{ACCOUNT}}}") == int(is_pinned is True)
            assert exported.value(f"aiozpin_expected_cids_malformed_lines{{{ACCOUNT}}}") == 1
            exported.process.wait_for_line("expected_cids_bad_lines.*line 31: ")
            missing = httpx.get(f"{exported.url}/accounts/default/missing")
            as_json = httpx.get(f"{exported.url}/accounts/default/missing?format=json")
            ended = run_to_end([*ONCE, f"--config.file={config}", "--format=missing"])

            # The list is read again when it changes, and nothing is missing any more.
            file.write_text("\n".join(str(row["cid"]) for row in rows if row["pinned"]))
            wait_for(lambda: states()["missing"] == 0 and states()["failed"] == 0, "the new list")
            assert exported.value(f"aiozpin_unexpected_cids{{{ACCOUNT}}}") == 0
            good = run_to_end([*ONCE, f"--config.file={config}", "--format=missing"])

    assert missing.text.splitlines() == as_json.json() == [*lost, UNKNOWN]
    assert unexpected not in missing.text
    assert (ended.returncode, ended.stdout) == (1, missing.text)
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")


def test_samples_are_retrieved_verified_and_named_if_they_are_corrupt(tmp_path: Path) -> None:
    faults = ("--gateway-corrupt-share=0.3", "--gateway-not-found-share=0.3", "--gateway-limited-share=0.2")
    with simulator("--pins=60", *faults) as simulated:
        gateway_url = simulated.base_url.removesuffix("/api")
        with configured(tmp_path, simulated, gateway_url=gateway_url) as (exported, _):
            for result in ("ok", "corrupt", "not_found", "rate_limited"):
                series = f'aiozpin_retrievals_total{{{ACCOUNT},result="{result}"}}'
                wait_for(partial(exported.value, series), series)
            for result in ("error", "unverifiable", "forbidden"):
                assert exported.value(f'aiozpin_retrievals_total{{{ACCOUNT},result="{result}"}}') == 0
            assert exported.value(f"aiozpin_last_retrieval_timestamp_seconds{{{ACCOUNT}}}")
            assert exported.value(f"aiozpin_retrieval_duration_seconds_count{{{ACCOUNT}}}")
            assert exported.value(f"aiozpin_unretrievable_cids{{{ACCOUNT}}}") == 0, "tried only once"
            page = httpx.get(f"{exported.url}/accounts/default", headers={"Accept": "text/html"}).text
            assert any(str(row["cid"]) in page for row in listed(simulated))
            assert "corrupt" in page

            simulated.change("default", faults={"gateway_html": True})
            series = f'aiozpin_retrievals_total{{{ACCOUNT},result="error"}}'
            wait_for(lambda: exported.value(series), "HTML to be an error")
            assert exported.value(f"aiozpin_up{{{ACCOUNT}}}") == 1


def test_the_doctor_says_whether_the_gateway_sends_raw_blocks() -> None:
    with simulator("--pins=20", "--requests-per-minute=0") as simulated:
        env = {
            **simulated.keys["default"],
            "PIN_EXPORTER_GATEWAY_URL": simulated.base_url.removesuffix("/api"),
            "PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000",
        }
        good = run_to_end([*DOCTOR, "--verbose"], env)
        simulated.change("default", faults={"gateway_html": True})
        bad = run_to_end([*DOCTOR, "--verbose"], env)
    assert (good.returncode, good.stderr) == (0, "")
    assert "\n  ok      gateway " in good.stdout
    assert bad.returncode == 1
    assert "\n  problem gateway " in bad.stdout
    assert "text/html" in bad.stdout


def test_the_bill_is_shown_in_bytes_and_dollars(tmp_path: Path) -> None:
    with (
        simulator("--pins=200", "--bill=odd") as simulated,
        configured(tmp_path, simulated, billing=True) as (exported, _),
    ):
        usage = f'aiozpin_billing_usage_bytes{{{ACCOUNT},usage="total_storage"}}'
        stored = wait_for(lambda: exported.value(usage), "the bill")
        assert stored == simulated.truth("default")["size_bytes"]
        cost = exported.value(f'aiozpin_billing_cost_usd{{{ACCOUNT},item="storage"}}')
        assert cost == pytest.approx(stored * 20 / 10**12)


def test_a_key_that_may_not_read_the_bill_touches_nothing_else(tmp_path: Path) -> None:
    with (
        simulator("--pins=5", "--bill-forbidden") as simulated,
        configured(tmp_path, simulated, billing=True) as (exported, _),
    ):
        failures = f'aiozpin_billing_failures_total{{{ACCOUNT},reason="forbidden"}}'
        wait_for(lambda: exported.value(failures), "the refusal")
        wait_for(lambda: exported.value(f"aiozpin_inventory_consistent{{{ACCOUNT}}}"), "an inventory")
        assert exported.value(f"aiozpin_up{{{ACCOUNT}}}") == 1
        assert exported.value(f'aiozpin_billing_usage_bytes{{{ACCOUNT},usage="total_storage"}}') is None


def test_a_gateway_never_gets_the_keys(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-made-up-token")
    with simulator("--pins=20") as simulated, HostileServer(answer("404 No")).running() as gateway:
        keys = [str(simulated.account("default")[name]).encode() for name in ("api_key", "secret_key")]
        with configured(
            tmp_path,
            simulated,
            gateway_url=f"http://127.0.0.1:{gateway.port}",
            gateway_token_file=str(token),
            billing=True,
        ) as (exported, _):
            to_the_api = answer("302 Found", b"", f"Location: {simulated.base_url}/pinning/pins/")
            for count, behaviour in ((3, to_the_api), (6, hang_up), (9, hang_up)):
                wait_for(partial(_has_requests, gateway, count), "requests to the gateway")
                gateway.behaviour = behaviour
            page = httpx.get(f"{exported.url}/accounts/default").text
            shown = "\n".join([*exported.process.lines, exported.metrics(), page])
        for head in gateway.heads:
            lines = head.decode().lower().split("\r\n")
            assert lines[0].startswith("get /ipfs/")
            assert "x-aiozpin-gateway-token: a-made-up-token" in lines
            assert not any(key in head for key in keys)
            assert b"pinning" not in head.lower()
    assert "a-made-up-token" not in shown


def _has_requests(gateway: HostileServer, count: int) -> bool:
    return len(gateway.heads) >= count
