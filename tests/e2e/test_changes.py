"""Changes while the exporter runs: reloaded accounts, rotated keys, files that cannot be read any more."""

import re
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.processes import (
    RunningSimulator,
    exporter,
    running,
    simulator,
    unprivileged,
    wait_for,
)

CONSISTENT = 'aiozpin_inventory_consistent{account="default"}'
PINS = re.compile(r'^aiozpin_pins\{account="default".*\} (\S+)$', re.MULTILINE)
CLIENTS = 8
RELOADS = 24
EXPORTER = (sys.executable, "-m", "pin_exporter")


def replace(path: Path, text: str) -> None:
    """Change a file in one step, as Kubernetes does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


class Scraping:
    """Clients that scrape as fast as they can, and the scrapes that were wrong."""

    def __init__(self, url: str, wanted: Sequence[str]) -> None:
        self._url = url
        self._wanted = wanted
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._scrape) for _ in range(CLIENTS)]
        self.scrapes = 0
        self.wrong: list[str] = []

    def __enter__(self) -> "Scraping":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _scrape(self) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not self._ended.is_set():
                try:
                    answer = client.get(f"{self._url}/metrics")
                except httpx.HTTPError as error:
                    self.wrong.append(repr(error))
                    continue
                lines = answer.text.split("\n")
                missing = [name for name in self._wanted if not any(line.startswith(name) for line in lines)]
                if answer.status_code != 200 or missing:
                    self.wrong.append(f"{answer.status_code}, without {missing}")
                self.scrapes += 1


def test_no_scrape_fails_or_misses_an_unchanged_account_during_reloads(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.yml"
    with simulator("--pins=300", "--requests-per-minute=0") as simulated, ExitStack() as stack:

        def write(reload: int) -> None:
            """Keep one account, change one, and let others come and go; every third file is invalid."""
            entries: list[dict[str, object]] = [
                {"name": "stays"},
                {"name": "changes", "page_size": 100 + reload},
            ]
            entries += [{"name": f"comes-{number}"} for number in range(reload % 4)]
            if reload % 2:
                entries += [{"name": "other-way", "proxy_url": "direct", "connect_timeout": f"{reload}s"}]
            accounts = [simulated.account("default", **each) for each in entries]
            wrong = {"pol_interval": 1} if reload % 3 == 2 else {}
            replace(config, simulated.config(accounts=accounts, **wrong))

        write(0)
        exported = stack.enter_context(exporter({}, f"--config.file={config}"))
        wanted = [
            f'{name}{{account="{account}"'
            for account in ("stays", "changes")
            for name in ("aiozpin_up", "aiozpin_files", "aiozpin_pins")
        ]
        wait_for(lambda: all(name in exported.metrics() for name in wanted), "both accounts")
        scraping = stack.enter_context(Scraping(exported.url, wanted))
        for reload in range(1, RELOADS + 1):
            write(reload)
            exported.process.popen.send_signal(signal.SIGHUP)
            wait_for(lambda n=reload: _reloads(exported.process.lines) >= n, f"reload {reload}")  # type: ignore[misc]
        more = scraping.scrapes + 5 * CLIENTS
        wait_for(lambda: scraping.scrapes > more, "scrapes after the last reload")
        stack.pop_all().close()
        assert scraping.wrong == []
        assert sum("config_reload_failed" in line for line in exported.process.lines) == RELOADS // 3
        assert not any("Traceback" in line for line in exported.process.lines)


def _reloads(lines: Sequence[str]) -> int:
    return sum("config_reloaded" in line or "config_reload_failed" in line for line in lines)


def test_keys_replaced_during_an_inventory_cost_at_most_failed_polls(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("api_key", "secret_key")}
    options = ("--pins=4000", "--latency-seconds=0.05", "--requests-per-minute=0")
    with simulator(*options) as simulated:
        for name, path in files.items():
            path.write_text(simulated.keys["default"][f"PIN_EXPORTER_{name.upper()}"])
        env = {f"PIN_EXPORTER_{name.upper()}_FILE": str(path) for name, path in files.items()}
        env |= {"PIN_EXPORTER_BASE_URL": simulated.base_url, "PIN_EXPORTER_POLL_INTERVAL": "1s"}
        env |= {"PIN_EXPORTER_PAGE_SIZE": "100", "PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000"}
        with exporter(env) as exported:
            wait_for(lambda: exported.value(CONSISTENT), "an inventory")
            for rotation in range(2):
                _wait_for_inventory_to_begin(exported.url)
                new = {name: f"new-{name}-number-{rotation}" for name in files}
                before = exported.value(
                    'aiozpin_last_success_timestamp_seconds{account="default",collector="inventory"}'
                )
                simulated.change("default", keys=new)
                for name, path in files.items():
                    replace(path, new[name])
                wait_for(lambda b=before: _newer(exported.metrics(), b), "an inventory with the new keys")  # type: ignore[misc]
                text = exported.metrics()
                assert 'aiozpin_up{account="default"} 1.0' in text
                assert f'aiozpin_files{{account="default"}} {float(_files(simulated))}' in text
            pins = PINS.findall(exported.metrics())
            assert sum(map(float, pins)) == _files(simulated)
            assert exported.process.stop() == 0
            text = "\n".join(exported.process.lines)
            assert text.count("keys_changed") >= 2
            assert "new-" not in text


def _files(simulated: RunningSimulator) -> int:
    return int(simulated.truth("default")["files"])


def _newer(text: str, before: float | None) -> bool:
    found = re.search(
        r'^aiozpin_last_success_timestamp_seconds\{account="default",collector="inventory"\} (\S+)$',
        text,
        re.MULTILINE,
    )
    return found is not None and float(found[1]) > (before or 0.0)


def _wait_for_inventory_to_begin(url: str) -> None:
    """Wait until pages are requested: the next inventory has begun and has not ended."""
    series = r'aiozpin_api_requests_total\{account="default",code="200",operation="list"\} (\S+)'

    def pages() -> float:
        found = re.search(series, httpx.get(f"{url}/metrics", trust_env=False).text)
        return float(found[1]) if found else 0.0

    begun = pages()
    wait_for(lambda: pages() > begun + 2, "the next inventory")


@pytest.mark.parametrize("name", ["config_file", "api_key_file", "ca_file", "client_cert_file", ".env"])
def test_an_unreadable_file_is_reported_in_one_line_at_the_start(name: str, tmp_path: Path) -> None:
    forbidden = tmp_path / (name if name == ".env" else "forbidden")
    forbidden.write_text("secret-in-a-file")
    forbidden.chmod(0)
    given = {"PIN_EXPORTER_API_KEY": "k", "PIN_EXPORTER_SECRET_KEY": "s"}
    if name == "api_key_file":
        del given["PIN_EXPORTER_API_KEY"]
    if name != ".env":
        given[f"PIN_EXPORTER_{name.upper()}"] = str(forbidden)
    given["PYTHONPATH"] = str(Path.cwd())
    with running([*unprivileged(), "env", f"--chdir={tmp_path}", *EXPORTER], given) as process:
        assert process.popen.wait(timeout=60) == 2
        process.stop()
    (line,) = process.lines
    assert line.startswith("pin-exporter: ")
    assert line.endswith(("cannot be read: Permission denied", "cannot read the file: Permission denied"))


def test_files_that_become_unreadable_are_logged_once_and_counted_and_polling_continues(
    tmp_path: Path,
) -> None:
    files = {name: tmp_path / name for name in ("api_key", "secret_key", "ca")}
    shutil.copy(Authority(tmp_path).path, files["ca"])
    with simulator() as simulated:
        for name in ("api_key", "secret_key"):
            files[name].write_text(simulated.keys["default"][f"PIN_EXPORTER_{name.upper()}"])
        env = {f"PIN_EXPORTER_{name.upper()}_FILE": str(path) for name, path in files.items()}
        env |= {"PIN_EXPORTER_BASE_URL": simulated.base_url, "PIN_EXPORTER_POLL_INTERVAL": "1s"}
        command = [*unprivileged(), *EXPORTER, "--web.listen-address=127.0.0.1:0"]
        with running(command, env) as process:
            url = process.wait_for_line(r"listening=(\S+)")[1]

            def value(series: str) -> float:
                text = httpx.get(f"{url}/metrics", trust_env=False).text
                found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
                return float(found[1]) if found else 0.0

            wait_for(lambda: value('aiozpin_up{account="default"}'), "a poll")
            files["api_key"].chmod(0)
            files["ca"].chmod(0)
            for kind in ("keys", "certificates"):
                counter = f'aiozpin_file_read_failures_total{{account="default",files="{kind}"}}'
                wait_for(lambda c=counter: value(c) >= 3, counter)  # type: ignore[misc]
            assert value('aiozpin_up{account="default"}') == 1
            assert process.stop() == 0
        warnings = [line for line in process.lines if "level=warning" in line]
        assert len(warnings) == 2
        assert (
            sum("event=key_file_unreadable" in line and "account=default" in line for line in warnings) == 1
        )
        assert sum("event=certificates_unusable" in line and "ca_file" in line for line in warnings) == 1
        assert all("Permission denied" in line for line in warnings)
