"""The exporter as its users run it: a process, signals, ports, flags, and an API that goes away."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.support.processes import (
    PATIENCE_SECONDS,
    RunningExporter,
    exporter,
    free_port,
    prometheus,
    run_to_end,
    running,
    simulator,
    wait_for,
)
from tests.support.streams import full_pipe
from tests.support.tools import require_tool

EXPORTER = (sys.executable, "-m", "pin_exporter")
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ACCOUNT = '{account="default"}'
NOWHERE = {
    "PIN_EXPORTER_BASE_URL": "http://127.0.0.1:9/api",
    "PIN_EXPORTER_API_KEY": "a-key-for-tests",
    "PIN_EXPORTER_SECRET_KEY": "a-secret-for-tests",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_an_inventory_ends_the_process_with_0(number: signal.Signals) -> None:
    with (
        simulator("--pins=20000", "--latency-seconds=0.5") as simulated,
        exporter(simulated.keys["default"]) as exported,
    ):
        first_page = 'aiozpin_api_requests_total{account="default",code="200",operation="list"}'
        wait_for(lambda: exported.value(first_page), "the first page of the inventory")
        assert exported.process.stop(number) == 0
        assert not any("Traceback" in line for line in exported.process.lines)


def test_an_account_that_never_responds_has_no_data_and_is_ready_once_it_was_polled() -> None:
    with exporter(NOWHERE) as exported:
        failures = 'aiozpin_poll_failures_total{account="default",collector="totals",reason="connection"}'
        wait_for(lambda: exported.value(failures), "a failed poll")
        assert httpx.get(f"{exported.url}/-/ready").status_code == 200
        assert httpx.get(f"{exported.url}/-/healthy").status_code == 200
        assert exported.value(f"aiozpin_up{ACCOUNT}") == 0
        warned = 'aiozpin_exporter_log_events_total{event="poll_failed",level="warning"}'
        in_log = sum("event=poll_failed" in line for line in exported.process.lines)
        assert 1 <= in_log <= (exported.value(warned) or 0)
        assert not re.search(
            r"^aiozpin_(files|size_bytes|pins|stored_bytes|unique_cids)", exported.metrics(), re.MULTILINE
        )


def test_both_formats_are_valid_for_the_client_library_and_for_promtool() -> None:
    with simulator() as simulated, exporter(simulated.keys["default"]) as exported:
        wait_for(lambda: exported.value(f"aiozpin_inventory_consistent{ACCOUNT}"), "an inventory")
        text = exported.metrics()
        openmetrics = exported.metrics("application/openmetrics-text; version=1.0.0")
        in_text = {sample.name for family in parse_text(text) for sample in family.samples}
        # Text has no gauge histograms, but histograms.
        in_openmetrics = {
            re.sub("_g(count|sum)$", r"_\1", sample.name)
            for family in parse_openmetrics(openmetrics)  # type: ignore[no-untyped-call]
            for sample in family.samples
        }
        assert in_text == in_openmetrics
        command = [require_tool("promtool", "prometheus"), "check", "metrics"]
        checked = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_stale_data_vanish_from_prometheus_and_come_back(tmp_path: Path) -> None:
    env = {"PIN_EXPORTER_POLL_INTERVAL": "1s", "PIN_EXPORTER_STALE_AFTER": "3s"}
    with (
        simulator("--requests-per-minute=0") as simulated,
        exporter({**simulated.keys["default"], **env}) as exported,
        prometheus(tmp_path, [exported.url]) as scraping,
    ):
        wait_for(lambda: scraping.query("aiozpin_files"), "files")
        simulated.change("default", revoked=True)
        wait_for(lambda: scraping.values("aiozpin_up") == {(): 0}, "the failure")
        wait_for(lambda: not scraping.query("aiozpin_files or aiozpin_pins"), "old data to vanish")
        assert scraping.values("aiozpin_up") == {(): 0}
        simulated.change("default", revoked=False)
        wait_for(lambda: scraping.query("aiozpin_files"), "data to come back")


def test_the_demo_shows_three_made_up_accounts() -> None:
    with running([*EXPORTER, "demo", "--web.listen-address=127.0.0.1:0"]) as process:
        url = process.wait_for_line(r"^metrics +(\S+)$")[1]
        assert "three demo accounts" in process.lines[0]

        def inventories() -> list[str]:
            found = re.findall(
                r'^aiozpin_unique_cids\{account="([^"]+)"\}', httpx.get(url).text, re.MULTILINE
            )
            return sorted(found) if len(found) == 3 else []

        assert wait_for(inventories, "three inventories") == ["media-archive", "nft-drops", "old-backups"]
        sample = re.findall(r"^(aiozpin_\w+\{.+\}) \S+$", README, re.MULTILINE)
        assert sample
        assert [series for series in sample if f"\n{series} " not in httpx.get(url).text] == []
        exported = RunningExporter(process, url.removesuffix("/metrics"))
        for series in (
            'aiozpin_expected_cids{account="nft-drops",state="missing"}',
            'aiozpin_expected_cids{account="nft-drops",state="pinned"}',
            *(
                series
                for account in ("media-archive", "nft-drops", "old-backups")
                for series in (
                    f'aiozpin_billing_cost_usd{{account="{account}",item="storage"}}',
                    f'aiozpin_retrievals_total{{account="{account}",result="ok"}}',
                )
            ),
        ):
            wait_for(partial(exported.value, series), series)
        missing = httpx.get(f"{exported.url}/accounts/nft-drops/missing")
        assert len(missing.text.splitlines()) >= 5
        assert process.stop() == 0


def test_the_demo_listens_on_loopback_unless_told_otherwise() -> None:
    with running([*EXPORTER, "demo"]) as process:
        # Another process may use the port.
        process.wait_for_line(r"(^metrics +http://|cannot listen on )127\.0\.0\.1:10242")


@pytest.mark.parametrize(("prefix", "ends"), [((), True), (("env", "--ignore-signal=HUP"), False)])
def test_the_demo_ends_when_its_terminal_hangs_up_unless_it_was_started_to_ignore_that(
    prefix: tuple[str, ...], ends: bool
) -> None:
    with running([*prefix, *EXPORTER, "demo", "--web.listen-address=127.0.0.1:0"]) as process:
        url = process.wait_for_line(r"^metrics +(\S+)$")[1]
        wait_for(lambda: _status(url) == 200, "the demo to serve")
        if ends:
            assert process.stop(signal.SIGHUP) == 0
        else:
            process.popen.send_signal(signal.SIGHUP)
            assert _status(url) == 200
            assert process.stop() == 0


def _status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None


def test_a_second_demo_finds_another_port_for_its_simulator() -> None:
    command = [*EXPORTER, "demo", "--web.listen-address=127.0.0.1:0"]
    with running(command) as first, running(command) as second:
        urls = {process.wait_for_line(r"^simulator +(\S+)")[1] for process in (first, second)}
        assert len(urls) == 2


def test_a_dotenv_file_is_read_and_the_environment_takes_precedence(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in {**NOWHERE, "PIN_EXPORTER_ACCOUNT": "of-the-file"}.items()]
    (tmp_path / ".env").write_text("\n".join(lines))

    def check(**variables: str) -> str:
        env = {"PYTHONPATH": str(Path(__file__).parents[2]), **variables}
        ran = run_to_end([*EXPORTER, "--config.check"], env, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        return str(ran.stdout)

    assert check().startswith("env file: .env\n")
    assert "\naccount of-the-file: " in check()
    assert "\naccount chosen: " in check(PIN_EXPORTER_ACCOUNT="chosen")


def test_a_config_file_that_is_a_pipe_is_read_only_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    os.mkfifo(config)
    written = "{base_url: 'http://127.0.0.1:9/api', api_key: a-key-for-tests, secret_key: x}"
    threading.Thread(target=config.write_text, args=(written,), daemon=True).start()
    with exporter({}, f"--config.file={config}") as exported:
        exported.process.popen.send_signal(signal.SIGHUP)
        exported.process.wait_for_line("config_reload_failed.*is a pipe")
        config.unlink()
        config.write_text(written)
        exported.process.popen.send_signal(signal.SIGHUP)
        exported.process.wait_for_line("config_reloaded")


def test_sighup_reloads_the_configuration_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    written = "base_url: http://127.0.0.1:9/api\naccounts:\n"
    written += "- {name: one, api_key: a-key-for-tests, secret_key: x}\n"
    config.write_text(written)
    with exporter({}, f"--config.file={config}", "--web.enable-lifecycle") as exported:
        config.write_text(written + "- {name: two, api_key: another-key-for-tests, secret_key: x}\n")
        exported.process.popen.send_signal(signal.SIGHUP)
        exported.process.wait_for_line("config_reloaded.*accounts=2")
        assert exported.value('aiozpin_up{account="two"}') == 0

        config.write_text(written.replace("secret_key", "secretkey"))
        answer = httpx.post(f"{exported.url}/-/reload")
        assert answer.status_code == 500
        assert "accounts[0].secretkey: is not a setting: did you mean secret_key?" in answer.text
        exported.process.wait_for_line("config_reload_failed.*secretkey")
        assert exported.value("aiozpin_exporter_config_last_reload_successful") == 0
        assert exported.value('aiozpin_up{account="two"}') == 0

        config.write_text(written)
        assert httpx.post(f"{exported.url}/-/reload").status_code == 200
        assert exported.value("aiozpin_exporter_config_last_reload_successful") == 1
        assert exported.value('aiozpin_up{account="two"}') is None


def test_reloading_by_request_is_disabled_by_default() -> None:
    with exporter(NOWHERE) as exported:
        answer = httpx.post(f"{exported.url}/-/reload")
        assert (answer.status_code, "--web.enable-lifecycle" in answer.text) == (403, True)
        assert httpx.get(f"{exported.url}/-/reload").status_code == 405


def test_a_log_that_nobody_reads_delays_neither_the_exporter_nor_its_end() -> None:
    port = free_port()
    series = r"^aiozpin_exporter_config_last_reload_success_timestamp_seconds (\S+)"

    def loaded_at() -> str | None:
        try:
            found = re.search(series, httpx.get(f"http://127.0.0.1:{port}/metrics").text, re.MULTILINE)
        except httpx.TransportError:
            return None
        return found[1] if found else None

    command = [*EXPORTER, f"--web.listen-address=127.0.0.1:{port}"]
    with (
        full_pipe() as pipe,
        subprocess.Popen(
            command, env=os.environ | NOWHERE | {"PYTHONWARNINGS": "error"}, stderr=pipe.writing
        ) as process,
    ):
        try:
            first = wait_for(loaded_at, "the first answer")
            process.send_signal(signal.SIGHUP)
            wait_for(lambda: loaded_at() not in (None, first), "the configuration to be reloaded")
            process.terminate()
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def test_accounts_whose_servers_hang_leave_the_own_port_its_share_of_few_open_files(tmp_path: Path) -> None:
    files, accounts, clients = 128, 120, 12
    with ExitStack() as stack:
        # The system accepts connections, and nobody responds.
        hung = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(accounts)]
        urls = [f"http://127.0.0.1:{server.getsockname()[1]}/api" for server in hung]
        entries = [
            {"name": f"a{number}", "api_key": f"k{number}", "secret_key": "s", "base_url": url}
            for number, url in enumerate(urls)
        ]
        config = tmp_path / "config.yml"
        config.write_text(json.dumps({"accounts": entries, "request_timeout": "1h", "connect_timeout": "1h"}))
        address = ("127.0.0.1", free_port())
        options = [f"--config.file={config}", f"--web.listen-address={address[0]}:{address[1]}"]
        limited = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "-", *EXPORTER, *options]
        process = stack.enter_context(running(limited))
        process.wait_for_line(r"listening=(\S+)")
        opened = Path(f"/proc/{process.popen.pid}/fd")
        counts = [0]

        def all_are_answered_until_no_more_files_are_opened() -> bool:
            waiting = [socket.create_connection(address, PATIENCE_SECONDS / 3) for _ in range(clients)]
            for client in waiting:
                client.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            for client in waiting:
                with client:
                    assert client.recv(15) == b"HTTP/1.1 200 OK"
            counts.append(len(list(opened.iterdir())))
            return len(counts) > 40 and max(counts[-40:]) <= max(counts[:-40])

        wait_for(all_are_answered_until_no_more_files_are_opened, "all requests to be sent")
        assert max(counts) < files
        assert process.stop() == 0
