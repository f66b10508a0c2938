"""Processes for end-to-end tests: simulator, exporter and Prometheus, killed at the end of their context."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.support.tools import require_tool

PATIENCE_SECONDS = 60.0
T = TypeVar("T")


def wait_for(ask: Callable[[], T | None], what: str) -> T:
    """Return the first true value; fail if there is none within `PATIENCE_SECONDS`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        value = ask()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"timed out after {PATIENCE_SECONDS:g} s: {what}")


@dataclass
class Process:
    """A running process and its output so far."""

    popen: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        """Return the match of the first line that matches."""

        def ask() -> re.Match[str] | None:
            ended = self.popen.poll() is not None
            found = next((match for line in self.lines if (match := re.search(pattern, line))), None)
            assert found or not ended, f"ended with {self.popen.returncode}: {self.lines}"
            return found

        return wait_for(ask, f"a line like {pattern}")

    def memory_bytes(self, field: str = "VmRSS") -> int:
        """Return the resident memory, or its peak with `VmHWM`, from /proc; 0 if the process has ended."""
        status = Path(f"/proc/{self.popen.pid}/status")
        text = status.read_text() if status.exists() else ""
        found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
        return 1024 * int(found[1]) if found else 0

    def end(self) -> None:
        """Kill the process if it still runs, and close its pipe."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self._reader.join(timeout=PATIENCE_SECONDS)
        assert self.popen.stdout is not None
        self.popen.stdout.close()

    def stop(self, number: int | None = None) -> int:
        """Send SIGTERM or another signal and return the exit status."""
        if self.popen.poll() is None:
            self.popen.terminate() if number is None else self.popen.send_signal(number)
        status = self.popen.wait(timeout=PATIENCE_SECONDS)
        self._reader.join(timeout=PATIENCE_SECONDS)
        return status


@contextmanager
def running(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run a command with only the given `PIN_EXPORTER_` variables."""
    popen = subprocess.Popen(
        [str(part) for part in command],
        env={**without_settings(), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process = Process(popen)
    try:
        yield process
    finally:
        process.end()


def run_to_end(
    command: Sequence[str | Path], env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command with only the given `PIN_EXPORTER_` variables, and return what it printed."""
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.run(
        [str(part) for part in command],
        env={**without_settings(), **(env or {})},
        timeout=PATIENCE_SECONDS,
        check=False,
        **given,
    )


def without_settings() -> dict[str, str]:
    """Return the environment without the variables of the exporter."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PIN_EXPORTER_")}


@dataclass
class RunningSimulator:
    """A simulator process, with the variables that an exporter needs for each account."""

    process: Process
    base_url: str
    keys: dict[str, dict[str, str]]

    def truth(self, account: str) -> dict[str, Any]:
        """Return the exact totals of an account, from the control API."""
        response = httpx.get(f"{self._control(account)}/truth")
        response.raise_for_status()
        truth: dict[str, Any] = response.json()
        return truth

    def change(self, account: str, **changes: object) -> None:
        """Change an account's behaviour, faults or keys."""
        httpx.post(self._control(account), content=json.dumps(changes)).raise_for_status()

    def account(self, name: str, /, **settings: object) -> dict[str, object]:
        """Return an account's entry for a config file; `settings` can rename it."""
        keys = {key: self.keys[name][f"PIN_EXPORTER_{key.upper()}"] for key in ("api_key", "secret_key")}
        return {"name": name, **keys, **settings}

    def config(self, **settings: object) -> str:
        """Return a config file with all accounts, as JSON, which is valid YAML."""
        accounts = [self.account(name) for name in self.keys]
        return json.dumps({"base_url": self.base_url, "accounts": accounts, **settings})

    def _control(self, account: str) -> str:
        return f"{self.base_url.removesuffix('/api')}/control/accounts/{account}"


@contextmanager
def simulator(*options: str) -> Iterator[RunningSimulator]:
    """Run `pin-exporter simulate` on a free port."""
    command = [sys.executable, "-m", "pin_exporter", "simulate", "--listen-address=127.0.0.1:0", *options]
    with running(command) as process:
        url = process.wait_for_line(r"simulated AIOZ Pin API at (\S+/api)")[1]
        keys: dict[str, dict[str, str]] = {}
        wait_for(
            lambda: process.lines and process.lines[-1].startswith("PIN_EXPORTER_SECRET_KEY="), "the keys"
        )
        for line in process.lines:
            if match := re.match(r"# account (\S+), ", line):
                keys[match[1]] = {}
            elif match := re.match(r"(PIN_EXPORTER_\w+)=(.*)", line):
                keys[list(keys)[-1]][match[1]] = match[2]
        yield RunningSimulator(process, url, keys)


@dataclass
class RunningExporter:
    """An exporter process."""

    process: Process
    url: str

    def metrics(self, accept: str = "text/plain") -> str:
        """Scrape it."""
        response = httpx.get(f"{self.url}/metrics", headers={"Accept": accept})
        response.raise_for_status()
        return response.text

    def value(self, series: str) -> float | None:
        """Return the value of a series, which is written as in the exposition, or None."""
        prefix = f"{series} "
        lines = (line for line in self.metrics().split("\n") if line.startswith(prefix))
        return next((float(line.removeprefix(prefix)) for line in lines), None)


@contextmanager
def exporter(env: Mapping[str, str], *options: str) -> Iterator[RunningExporter]:
    """Run `pin-exporter` on a free port."""
    command = [sys.executable, "-m", "pin_exporter", "--web.listen-address=127.0.0.1:0", *options]
    with running(command, env) as process:
        url = process.wait_for_line(r"listening=(\S+)")[1]
        yield RunningExporter(process, url)


@dataclass
class RunningPrometheus:
    """A Prometheus process."""

    process: Process
    url: str
    client: httpx.Client

    def ask(self, path: str, **parameters: object) -> Any:
        """Return the data of a response of the HTTP API; fail with Prometheus' own message."""
        given = {f"{name}[]" if name == "match" else name: str(value) for name, value in parameters.items()}
        response = self.client.get(f"{self.url}/api/v1/{path}", params=given)
        assert response.status_code == 200, f"{response.text} to {path} {given}"
        return response.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query."""
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return result

    def values(self, expression: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the values of an instant query by the values of some labels."""
        return {
            tuple(series["metric"].get(label, "") for label in labels): float(series["value"][1])
            for series in self.query(expression)
        }


@contextmanager
def prometheus(
    directory: Path,
    targets: Sequence[str] | Mapping[str, Sequence[str]],
    *options: str,
    rules: Path | None = None,
    watches_itself: bool = False,
    scrape_interval: str = "1s",
    scrape: Mapping[str, object] | None = None,
) -> Iterator[RunningPrometheus]:
    """Run Prometheus with its data in a directory; `targets` are URLs, or URLs by job.

    With `watches_itself` it scrapes itself as the job `prometheus`. `scrape` contains further settings of the
    jobs, such as a password.
    """
    binary = require_tool("prometheus", "prometheus")
    config = directory / "prometheus.yml"
    port = free_port()
    jobs = dict(targets) if isinstance(targets, Mapping) else {"aioz-pin": targets}
    jobs |= {"prometheus": [f"http://127.0.0.1:{port}"]} if watches_itself else {}
    scrapes = [
        {
            "job_name": job,
            "static_configs": [{"targets": [url.partition("//")[2] for url in urls]}],
            **(scrape or {}),
        }
        for job, urls in jobs.items()
    ]
    every = {"scrape_interval": scrape_interval, "evaluation_interval": "1s"}
    files = [str(rules)] if rules else []
    config.write_text(json.dumps({"global": every, "rule_files": files, "scrape_configs": scrapes}))
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *options,
    ]
    with running(command) as process, httpx.Client() as client:
        url = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            try:
                return client.get(f"{url}/-/ready").status_code == 200
            except httpx.TransportError:
                assert process.popen.poll() is None, process.lines
                return False

        wait_for(is_ready, "Prometheus")
        yield RunningPrometheus(process, url, client)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port: int = opened.getsockname()[1]
        return port


def unprivileged() -> tuple[str, ...]:
    """Return a prefix for commands that makes file permissions apply to root as well."""
    if os.geteuid() != 0:
        return ()
    return (require_tool("setpriv", "util-linux"), "--bounding-set=-dac_override,-dac_read_search")
