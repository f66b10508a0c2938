"""`pin-exporter once` as cron and people run it: a process of its own, the simulator in another."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pin_exporter.toolkit.sharding import Shard
from tests.e2e.hostile import HostileServer, good, wanted_rows
from tests.support.exposition import samples
from tests.support.processes import (
    PATIENCE_SECONDS,
    RunningSimulator,
    free_port,
    run_to_end,
    running,
    simulator,
    wait_for,
)
from tests.support.servers import Call, answer, silence
from tests.support.service import API_KEY, SECRET_KEY, page, row
from tests.support.streams import seen_on_a_terminal
from tests.support.tools import require_tool

ONCE = (sys.executable, "-m", "pin_exporter", "once")
KEYS = {"PIN_EXPORTER_API_KEY": API_KEY, "PIN_EXPORTER_SECRET_KEY": SECRET_KEY}
QUICK = {"PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000"}
UNLIMITED = "--requests-per-minute=0"


def environment(env: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **QUICK, **env}


def once(env: Mapping[str, str], *options: str | Path) -> subprocess.CompletedProcess[str]:
    return run_to_end([*ONCE, *options], {**QUICK, **env})


def config(path: Path, simulated: RunningSimulator) -> Path:
    """Write a file with the simulator's accounts and one whose key is rejected."""
    accounts = [simulated.account(name) for name in simulated.keys]
    accounts.append({"name": "rejected", "api_key": API_KEY, "secret_key": SECRET_KEY})
    path.write_text(simulated.config(accounts=accounts))
    path.chmod(0o600)
    return path


def test_the_result_has_the_accounts_that_did_not_fail(tmp_path: Path) -> None:
    with simulator(UNLIMITED, "--account=archive:pins=2500", "--account=website:pins=0") as simulated:
        file = config(tmp_path / "config.yml", simulated)
        ended = once({}, f"--config.file={file}")
        as_json = once({}, f"--config.file={file}", "--format=json")
        table = once({}, f"--config.file={file}", "--format=table")
        good = once(simulated.keys["archive"], "--format=table")

    values = samples(ended.stdout)
    for account, up, files in (("archive", 1, 2500), ("website", 1, 0), ("rejected", 0, None)):
        assert values[f"aiozpin_up[('account', '{account}')]"] == up
        assert values.get(f"aiozpin_files[('account', '{account}')]") == files
    for each in (ended, as_json, table):
        assert each.returncode == 1
        (line,) = each.stderr.splitlines()
        assert line.startswith("pin-exporter: account rejected: totals: unauthorized: 127.0.0.1")
        assert API_KEY not in each.stdout + each.stderr
        assert SECRET_KEY not in each.stdout + each.stderr
    (tmp_path / "result.prom").write_text(ended.stdout)
    with (tmp_path / "result.prom").open() as metrics:
        promtool = require_tool("promtool", "prometheus")
        checked = subprocess.run(
            [promtool, "check", "metrics"], stdin=metrics, capture_output=True, check=False
        )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")

    accounts = {account["account"]: account for account in json.loads(as_json.stdout)["accounts"]}
    assert [(name, account["up"], account["files"]) for name, account in accounts.items()] == [
        ("archive", True, 2500),
        ("website", True, 0),
        ("rejected", False, None),
    ]
    assert accounts["archive"]["inventory"]["verdict"] == "consistent"
    assert [line.split()[:3] for line in table.stdout.splitlines()[1:]] == [
        ["archive", "yes", "2,500"],
        ["website", "yes", "0"],
        ["rejected", "no", "-"],
    ]
    assert (good.returncode, good.stderr) == (0, "")


@contextmanager
def node_exporter(directory: Path) -> Iterator[str]:
    """Run Debian's node_exporter with its textfile collector alone; yield its metrics' address."""
    binary = require_tool("prometheus-node-exporter", "prometheus-node-exporter")
    address = f"127.0.0.1:{free_port()}"
    options = (
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={directory}",
        f"--web.listen-address={address}",
    )
    with running([binary, *options]) as process:
        process.wait_for_line("TLS is disabled")
        yield f"http://{address}/metrics"


def test_node_exporter_exposes_the_file_unchanged(tmp_path: Path) -> None:
    output = tmp_path / "aioz-pin.prom"
    options = "in_progress_share=0.2,failed_share=0.1,duplicate_share=0.1"
    with simulator(UNLIMITED, f"--account=a:pins=300,{options}") as simulated, node_exporter(tmp_path) as url:
        ended = once(simulated.keys["a"], f"--output={output}")
        read = httpx.get(url).text

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    written, shown = samples(output.read_text()), samples(read)
    assert written == {name: value for name, value in shown.items() if name.startswith("aiozpin_")}
    assert shown["node_textfile_scrape_error[]"] == 0
    mtime = shown[f"node_textfile_mtime_seconds[('file', '{output}')]"]
    assert mtime == pytest.approx(output.stat().st_mtime, abs=1)


def test_a_file_is_written_though_every_account_failed_or_there_is_none(tmp_path: Path) -> None:
    output = tmp_path / "a.prom"
    idle = next(number for number in range(2) if not Shard(number, 2).owns("default"))
    url = f"http://127.0.0.1:{free_port()}/api"
    env = {**KEYS, "PIN_EXPORTER_BASE_URL": url, "PIN_EXPORTER_POLL_INTERVAL": "1s"}

    failed = once(env, f"--output={output}")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert re.sub(r"connection: .*", "connection: …", failed.stderr) == (
        "pin-exporter: account default: totals and inventory: connection: …\n"
    )
    assert samples(output.read_text())["aiozpin_up[('account', 'default')]"] == 0

    nobody = once(env, f"--output={output}", f"--shard={idle}", "--total-shards=2")
    assert (nobody.returncode, nobody.stdout) == (0, "")
    assert nobody.stderr.startswith("pin-exporter: no account belongs to this shard")
    assert "aiozpin_up" not in output.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_a_dash_is_standard_output() -> None:
    env = {**KEYS, "PIN_EXPORTER_BASE_URL": f"http://127.0.0.1:{free_port()}/api"}
    assert 'aiozpin_up{account="default"} 0.0' in once(env, "--output=-").stdout
    assert not Path("-").exists()


def test_two_runs_with_the_same_output_leave_one_complete_file(tmp_path: Path) -> None:
    output = tmp_path / "a.prom"
    seen = set()
    with simulator(UNLIMITED, "--pins=3000") as simulated:
        env = environment(simulated.keys["default"])
        both = [subprocess.Popen([*ONCE, f"--output={output}"], env=env) for _ in range(2)]
        while any(each.poll() is None for each in both):
            if output.exists():
                seen.add(output.read_text())
            time.sleep(0.001)
        assert [each.wait() for each in both] == [0, 0]
        seen.add(output.read_text())

    assert 1 <= len(seen) <= 2
    for text in seen:
        assert text.endswith("\n")
        assert samples(text)["aiozpin_files[('account', 'default')]"] == 3000
        assert "aiozpin_exporter_build_info{" in text.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


async def good_until_row_500(call: Call) -> None:
    """List a thousand rows, and fall silent in the middle."""
    if wanted_rows(call)[0] < 500:
        await good(1_000)(call)
    else:
        await silence(call)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_an_inventory_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    output = tmp_path / "a.prom"
    output.write_text("before\n")
    with HostileServer(good_until_row_500).running() as server:
        env = {**KEYS, "PIN_EXPORTER_BASE_URL": server.base_url(), "PIN_EXPORTER_PAGE_SIZE": "100"}
        with running([*ONCE, f"--output={output}"], {**QUICK, **env}) as process:
            wait_for(lambda: any(b"offset=5" in head for head in server.heads), "the middle of the inventory")
            status = process.stop(number)

    assert (status, process.lines) == (128 + number, [])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before\n"]


def test_an_output_that_cannot_be_written_is_reported_before_any_request(tmp_path: Path) -> None:
    with HostileServer(good(10)).running() as server:
        ended = once({**KEYS, "PIN_EXPORTER_BASE_URL": server.base_url()}, f"--output={tmp_path}/none/a.prom")
        assert server.heads == []

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"pin-exporter: {tmp_path}/none/a.prom: cannot be written: ")
    assert ended.stderr.count("\n") == 1


RAW = "\x1b]0;x\x07\x9b2J\u202eabc\u2028aiozpin_up 0\u0085\x7f"
"""What moves the cursor, reverses text, and ends lines for some readers of metrics."""


@pytest.mark.parametrize(
    ("command", "status"),
    [("once", 200), ("once --format=json", 200), ("doctor", 200), ("once --format=table", 404)],
)
def test_what_a_server_sends_reaches_neither_terminal_nor_metrics_as_it_is(command: str, status: int) -> None:
    words: dict[str, object] = {"status": RAW, "sub_hash_status": RAW, "metadata": {"name": RAW}}
    body = page([row(1, **words), row(2, **words, id=RAW, cid=RAW)])
    failed = json.dumps({"status": RAW, "message": RAW}).encode()
    behaviour = answer("200 OK", body) if status == 200 else answer(f"{status} \x1b[2J", failed)
    with HostileServer(behaviour).running() as server:
        env = {**KEYS, "PIN_EXPORTER_BASE_URL": server.base_url()}
        ended = subprocess.run(
            [sys.executable, "-m", "pin_exporter", *command.split()],
            env=environment(env),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    for line in (ended.stdout + ended.stderr).decode().split("\n"):
        assert line.isprintable(), repr(line)
    if command == "once":
        assert b'{account="default",phase="unknown",status="other"} 2.0\n' in ended.stdout


def in_a_shell(env: Mapping[str, str], command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command, in which $ONCE is the command under test."""
    return run_to_end(["bash", "-c", f"set -o pipefail; {command}"], {**QUICK, **env, "ONCE": " ".join(ONCE)})


def test_a_closed_pipe_is_no_failure_but_a_full_disk_is() -> None:
    with HostileServer(good(50)).running() as server:
        env = {**KEYS, "PIN_EXPORTER_BASE_URL": server.base_url()}
        head = in_a_shell(env, "$ONCE | head -n 1")
        full = in_a_shell(env, "$ONCE >/dev/full")
        silent = in_a_shell(env, "$ONCE 2>&- <&-")

    assert (head.returncode, head.stdout.count("\n"), head.stderr) == (0, 1, "")
    assert (full.returncode, full.stderr) == (
        2,
        "pin-exporter: standard output cannot be written: No space left on device\n",
    )
    assert silent.returncode == 0
    assert samples(silent.stdout)["aiozpin_files[('account', 'default')]"] == 50


def test_the_result_is_written_though_standard_error_is_closed_or_full(tmp_path: Path) -> None:
    outputs = [tmp_path / "gone.prom", tmp_path / "full.prom"]
    with HostileServer(answer("404 Not Found")).running() as server:
        # Buffered, as where people run it: what is left at the end must not change the exit status.
        env = {**KEYS, "PIN_EXPORTER_BASE_URL": server.base_url(), "PYTHONUNBUFFERED": ""}
        gone = in_a_shell(env, f"$ONCE --output={outputs[0]} 2> >(exec <&-)")
        full = in_a_shell(env, f"$ONCE --output={outputs[1]} 2>/dev/full")

    assert (gone.returncode, full.returncode) == (1, 1)
    for output in outputs:
        assert samples(output.read_text())["aiozpin_up[('account', 'default')]"] == 0


def test_warnings_are_plain_lines() -> None:
    env = {**KEYS, "PIN_EXPORTER_BASE_URL": "http://keys.invalid/api", "PIN_EXPORTER_POLL_INTERVAL": "1s"}
    ended = once({**env, "PIN_EXPORTER_PAGESIZE": "5"})

    first, *polls, last = ended.stderr.splitlines()
    assert first.startswith("pin-exporter: ")
    assert first.endswith("(base_url=http://keys.invalid/api)")
    assert [line.split(": ")[2:4] for line in polls] == [["totals and inventory", "connection"]]
    assert last == (
        "pin-exporter: PIN_EXPORTER_PAGESIZE: is not a setting and has no effect: "
        "did you mean PIN_EXPORTER_PAGE_SIZE?"
    )


async def good_but_slow(call: Call) -> None:
    """Take so long for all pages that the progress is shown meanwhile, however fast the machine is."""
    await asyncio.sleep(0.05)
    await good(700)(call)


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    output = tmp_path / "a.prom"
    with HostileServer(good_but_slow).running() as server:
        env = {**KEYS, "PIN_EXPORTER_BASE_URL": server.base_url(), "PIN_EXPORTER_PAGE_SIZE": "20"}
        seen, dumb = (
            seen_on_a_terminal(
                [*ONCE, f"--output={output}"], environment(env | {"TERM": term}), stdout=subprocess.DEVNULL
            )
            for term in ("xterm", "dumb")
        )
        piped = once(env, f"--output={output}")

    assert re.search(r"\rpolling: 0 of 1 account, \d+ of 700 pins \x1b\[K", seen)
    assert seen.endswith("\r\x1b[K")
    assert "\n" not in seen
    assert (dumb, piped.stdout, piped.stderr) == ("", "", "")
