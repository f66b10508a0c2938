import argparse
import errno
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from dotenv import dotenv_values

from pin_exporter.simulator import Behaviour, Churn, Faults, Population, SimulatedAccount
from pin_exporter.simulator.command import add_arguments, build_accounts, run
from tests.support.processes import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Running:
    process: "subprocess.Popen[bytes]"
    output: str

    @property
    def url(self) -> str:
        return self.settings("BASE_URL")[0]

    def settings(self, name: str) -> list[str]:
        return re.findall(rf"^PIN_EXPORTER_{name}=(\S+)$", self.output, re.MULTILINE)

    def headers(self) -> dict[str, str]:
        return {
            "pinning_api_key": self.settings("API_KEY")[0],
            "pinning_secret_key": self.settings("SECRET_KEY")[0],
        }


@contextmanager
def simulator(*options: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "pin_exporter", "simulate", "--listen-address", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout
            output = ""
            while len(re.findall("SECRET_KEY=.+\n", output)) < max(1, options.count("--account")):
                assert select.select([process.stdout], [], [], 20)[0], "the simulator says nothing"
                part = os.read(process.stdout.fileno(), 65536)
                assert part, "the simulator has ended"
                output += part.decode()
            yield Running(process, output)
        finally:
            if process.poll() is None:
                process.kill()


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(options)


def accounts(*options: str) -> list[SimulatedAccount]:
    return build_accounts(parse(*options))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_responds_redirects_and_ends_on_a_signal(number: signal.Signals) -> None:
    with simulator("--pins", "50") as running:
        response = httpx.get(f"{running.url}/pinning/pins/", headers=running.headers())
        assert response.json()["data"]["totals"]["files"] == 50
        redirect = httpx.get(f"{running.url}/pinning/pins", headers=running.headers())
        assert redirect.status_code == 301
        running.process.send_signal(number)
        assert running.process.wait(10) == 0
        assert running.process.stderr
        assert running.process.stderr.read() == b""


def test_its_output_is_an_env_file(tmp_path: Path) -> None:
    with simulator("--pins", "5") as running:
        path = tmp_path / ".env"
        path.write_text(running.output)
        assert dotenv_values(path) == {
            "PIN_EXPORTER_BASE_URL": running.url,
            "PIN_EXPORTER_API_KEY": running.settings("API_KEY")[0],
            "PIN_EXPORTER_SECRET_KEY": running.settings("SECRET_KEY")[0],
        }
        assert all(line.startswith(("#", "PIN_EXPORTER_")) for line in running.output.splitlines() if line)


def test_it_ends_within_two_seconds_while_requests_never_do() -> None:
    options = ("--account", "hole:black_hole_rate=1", "--account", "slow:slow_body_rate=1")
    with simulator(*options) as running:
        host, port = running.url.removeprefix("http://").removesuffix("/api").split(":")
        open_requests = []
        for key, secret in zip(running.settings("API_KEY"), running.settings("SECRET_KEY"), strict=True):
            client = socket.create_connection((host, int(port)))
            lines = ["GET /api/pinning/pins/ HTTP/1.1", f"Host: {host}"]
            lines += [f"pinning_api_key: {key}", f"pinning_secret_key: {secret}", "", ""]
            client.sendall("\r\n".join(lines).encode())
            open_requests.append(client)
        assert open_requests[1].recv(100).startswith(b"HTTP/1.1 200 OK")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_SECONDS) == 0
        for client in open_requests:
            client.close()


def test_a_dropped_connection_reaches_a_real_client() -> None:
    with simulator("--dropped-connection-rate", "1") as running:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{running.url}/pinning/pins/", headers=running.headers())
        running.process.terminate()
        assert running.process.wait(10) == 0
        assert running.process.stderr
        assert running.process.stderr.read() == b""


def test_a_port_in_use_is_one_line_and_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(parse("--listen-address", address)) == 3
    message = capsys.readouterr().err
    in_use = os.strerror(errno.EADDRINUSE)
    assert message.startswith(f"pin-exporter simulate: cannot listen on {address}: {in_use}: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pins", "many"], "`$.pins`"),
        (["--pins", "2000000"], "`$.pins`"),
        (["--listen-address", "nowhere"], "host:port"),
        (["--vocabulary", "1999"], "`$.vocabulary`"),
        (["--failed-share", "2"], "`$.failed_share`"),
        (["--failed-share", "some"], "`$.failed_share`"),
        (["--account", "a:colour=red"], "--account: Object contains unknown field `colour`"),
        (["--account", "a:ties_swap=perhaps"], "`$.ties_swap`"),
        (["--account", "a", "--account", "a:pins=3"], "same name"),
        (["--account", "a/b"], "a/b"),
        (["--demo", "--pins-nothing"], ""),
        (["--demo", "--account", "a"], "--demo takes no other option"),
    ],
)
def test_a_bad_option_is_status_2(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not message:
        with pytest.raises(SystemExit, match="2"):
            parse(*options)
        return
    assert run(parse(*options)) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_every_switch_is_an_option_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse("--help")
    shown = capsys.readouterr().out
    for record in (Population, Behaviour, Churn, Faults):
        for name in record.__struct_fields__:
            assert f"--{name.replace('_', '-')}" in shown
    assert "/control/accounts" in shown


def test_options_apply_to_every_account_unless_it_has_its_own() -> None:
    plain, own = accounts(
        "--pins", "20", "--vocabulary", "2023", "--insert-rate", "2", "--ties-swap", "--account", "plain",
        "--account", "own:pins=30,vocabulary=mixed,ties-swap=false,empty_as_null,failed_share=0.1",
    )  # fmt: skip
    assert (len(plain), plain.behaviour) == (20, Behaviour("2023", ties_swap=True))
    assert (len(own), own.behaviour) == (30, Behaviour("mixed", empty_as_null=True))
    assert plain.churn == own.churn == Churn(insert_rate=2)
    statuses = own.truth().statuses()
    assert statuses["failed"].files + statuses["FAILED"].files == 3


def test_an_account_may_have_given_keys() -> None:
    (own,) = accounts("--account", "own:api_key=k,secret_key=s")
    assert (own.api_key, own.secret_key) == ("k", "s")


def test_the_command_limits_requests_as_documented() -> None:
    assert accounts()[0].faults.requests_per_minute == 180
    assert accounts("--requests-per-minute", "0")[0].faults.requests_per_minute == 0


def test_the_demo_has_three_accounts() -> None:
    assert [account.name for account in accounts("--demo")] == ["media-archive", "nft-drops", "old-backups"]
