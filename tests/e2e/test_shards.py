"""Several exporters that share the accounts of one config file."""

import re
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.support.processes import RunningExporter, exporter, simulator, wait_for

TOTAL = 3
NAMES = ("archive", "default", "production", "staging", "website")


def entries(names: tuple[str, ...], keys: Mapping[str, str], base_url: str) -> str:
    api_key, secret_key = (keys[f"PIN_EXPORTER_{name}"] for name in ("API_KEY", "SECRET_KEY"))
    listed = "".join(
        f"- {{name: {name}, api_key: '{api_key}', secret_key: '{secret_key}'}}\n" for name in names
    )
    return f"base_url: {base_url}\npoll_interval: 1s\naccounts:\n{listed}"


def polled(exported: RunningExporter) -> set[str]:
    return set(re.findall(r'^aiozpin_up\{account="(.+?)"\} 1', exported.metrics(), re.MULTILINE))


def test_each_account_is_polled_by_one_shard_before_and_after_a_reload(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    with simulator("--pins=3") as simulated, ExitStack() as stack:
        keys = simulated.keys["default"]
        file.write_text(entries(NAMES[:-1], keys, simulated.base_url))
        shards = [
            stack.enter_context(
                exporter(
                    {}, f"--config.file={file}", f"--shard=pin-exporter-{number}", f"--total-shards={TOTAL}"
                )
            )
            for number in range(TOTAL)
        ]

        def division() -> list[str]:
            return sorted(name for shard in shards for name in polled(shard))

        wait_for(lambda: division() == sorted(NAMES[:-1]), "each account to be polled once")
        for number, shard in enumerate(shards):
            assert shard.value("aiozpin_exporter_shard") == number
            assert shard.value("aiozpin_exporter_total_shards") == TOTAL
        before = [polled(shard) for shard in shards]

        file.write_text(entries(NAMES, keys, simulated.base_url))
        for shard in shards:
            shard.process.popen.send_signal(signal.SIGHUP)

        wait_for(lambda: division() == sorted(NAMES), "the new account to be polled once")
        assert all(old <= polled(shard) for old, shard in zip(before, shards, strict=True))


def test_a_shard_without_accounts_is_healthy_and_ready_and_logs_it(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    account = "api_key: a-key-for-tests\nsecret_key: a-secret-for-tests\nshard: pin-exporter-0\n"
    file.write_text(account + "total_shards: 3\n")
    with exporter({}, f"--config.file={file}") as exported:
        exported.process.wait_for_line('level=info event=shard_empty msg=".*" shard=0 total_shards=3$')
        assert httpx.get(f"{exported.url}/-/healthy").status_code == 200
        assert httpx.get(f"{exported.url}/-/ready").status_code == 200
        assert "account=" not in exported.metrics()

        file.write_text(account + "total_shards: 1\n")
        exported.process.popen.send_signal(signal.SIGHUP)
        exported.process.wait_for_line("event=setting_needs_restart.*setting=total_shards")
        exported.process.wait_for_line("config_reloaded.*accounts=0")
        assert exported.value("aiozpin_exporter_total_shards") == TOTAL
        assert exported.process.stop() == 0
