import argparse
import errno
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest
from dotenv import dotenv_values

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.command import add_arguments, build_accounts, run
from pin_exporter.simulator.options import Behaviour, Churn, Faults, Population
from tests.support.processes import RunningSimulator, simulator


def headers(running: RunningSimulator, name: str = "default") -> dict[str, str]:
    return {f"pinning_{key}": str(running.account(name)[key]) for key in ("api_key", "secret_key")}


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(options)


def accounts(*options: str) -> list[SimulatedAccount]:
    return build_accounts(parse(*options))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_output_is_an_env_file_and_it_ends_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    with simulator("--pins", "50") as running:
        response = httpx.get(f"{running.base_url}/pinning/pins/", headers=headers(running))
        assert response.json()["data"]["totals"]["files"] == 50
        assert running.process.stop(number) == 0
    lines = running.process.lines
    path = tmp_path / ".env"
    path.write_text("\n".join(lines))
    assert dotenv_values(path) == running.keys["default"]
    assert all(line.startswith(("#", "PIN_EXPORTER_")) for line in lines if line)


def test_it_ends_soon_while_requests_never_do() -> None:
    options = ("--account", "hole:black_hole_rate=1", "--account", "slow:slow_body_rate=1")
    with simulator(*options) as running:
        url = httpx.URL(running.base_url)
        open_requests = []
        for name in ("hole", "slow"):
            client = socket.create_connection((url.host, url.port or 0))
            sent = "".join(f"{key}: {value}\r\n" for key, value in headers(running, name).items())
            client.sendall(f"GET /api/pinning/pins/ HTTP/1.1\r\nHost: {url.host}\r\n{sent}\r\n".encode())
            open_requests.append(client)
        assert open_requests[1].recv(100).startswith(b"HTTP/1.1 200 OK")
        assert running.process.stop() == 0
        for client in open_requests:
            client.close()


def test_a_dropped_connection_reaches_a_real_client_and_nothing_is_reported() -> None:
    with simulator("--dropped-connection-rate", "1") as running:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{running.base_url}/pinning/pins/", headers=headers(running))
        assert running.process.stop() == 0
    assert "SECRET_KEY" in running.process.lines[-1]


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
        (["--failed-share", "0.6", "--unknown-share", "0.6"], "must not exceed 1 in total"),
        (["--not-json-rate", "0.7", "--redirect-rate", "0.7"], "must not exceed 1 in total"),
        (["--gateway-corrupt-share", "0.6", "--gateway-limited-share", "0.6"], "must not exceed 1 in total"),
        (["--insert-rate", "nan"], "`$.insert_rate`"),
        (["--max-limit", "-1"], "`$.max_limit`"),
        (["--account", "a:colour=red"], "--account: Object contains unknown field `colour`"),
        (["--account", "a:ties_swap=perhaps"], "`$.ties_swap`"),
        (["--account", "a", "--account", "a:pins=3"], "same name"),
        (["--account", "a/b"], "a/b"),
        (["--demo", "--account", "a"], "--demo takes no other option"),
        (["--demo", "--ties-swap"], "--demo takes no other option"),
    ],
)
def test_a_bad_option_is_status_2(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
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
        "--pins", "20", "--vocabulary", "2023", "--insert-rate", "2", "--ties-swap", "--unknown-word", "3",
        "--account", "plain",
        "--account", "own:pins=30,vocabulary=mixed,ties-swap=false,empty_as_null,failed_share=0.1,api_key=k",
    )  # fmt: skip
    assert (len(plain), plain.behaviour) == (20, Behaviour("2023", "3", ties_swap=True))
    assert (len(own), own.behaviour) == (30, Behaviour("mixed", "3", empty_as_null=True))
    assert plain.churn == own.churn == Churn(insert_rate=2)
    assert own.api_key == "k" != plain.api_key
    statuses = own.truth().statuses()
    assert statuses["failed"].files + statuses["FAILED"].files == 3


def test_the_command_limits_requests_as_documented() -> None:
    assert accounts()[0].faults.requests_per_minute == 180
    assert accounts("--requests-per-minute", "0")[0].faults.requests_per_minute == 0


def test_the_demo_has_three_accounts() -> None:
    assert [account.name for account in accounts("--demo")] == ["media-archive", "nft-drops", "old-backups"]
