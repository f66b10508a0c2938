import socket
import subprocess
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.project import ROOT
from pin_exporter.commands import healthcheck
from pin_exporter.commands.cli import main as command_line
from pin_exporter.config.settings import Settings
from tests.support.environment import clean, set_variables
from tests.support.processes import exporter, simulator

SECRET = "Zq7Wm4XkPd9"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Work in an empty directory, without our variables, beside a first process that is another's."""
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        patch.chdir(tmp_path)
        patch.setattr(healthcheck, "FIRST_PROCESS", tmp_path / "cmdline")
        yield patch


def parsed(*flags: str) -> Namespace:
    parser = ArgumentParser()
    healthcheck.add_flags(parser)
    return parser.parse_args(flags)


def address(*flags: str) -> str:
    return healthcheck.place(parsed(*flags))[0]


def first_process(*words: str) -> None:
    Path("cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))


@contextmanager
def answering(answer: bytes, host: str = "127.0.0.1") -> Iterator[int]:
    """Answer one connection, and yield the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=10)


@contextmanager
def closed_port() -> Iterator[int]:
    """Hold a port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_the_default_is_that_of_the_settings() -> None:
    assert Settings.model_fields["web_listen_address"].default == (healthcheck.DEFAULT_ADDRESS,)
    assert address() == healthcheck.DEFAULT_ADDRESS


def test_flags_win_over_the_environment_and_that_over_dotenv_and_that_over_the_file(
    environment: pytest.MonkeyPatch,
) -> None:
    Path("config.yml").write_text("web_listen_address: [':1', ':9']\n")
    assert address("--config.file=config.yml") == ":1"

    Path(".env").write_text("PIN_EXPORTER_WEB_LISTEN_ADDRESS=:2\n")
    assert address("--config.file=config.yml") == ":2"

    set_variables(environment, web_listen_address=":3, :9")
    assert address("--config.file=config.yml") == ":3"

    assert address("--web.listen-address=:4", "--web.listen-address=:9") == ":4"


def test_the_file_may_be_named_by_the_environment(environment: pytest.MonkeyPatch) -> None:
    Path("config.yml").write_text("web_listen_address: '[::1]:9000'\n")
    set_variables(environment, config_file="config.yml")
    assert address() == "[::1]:9000"


def test_a_file_without_an_address_leaves_the_default() -> None:
    Path("config.yml").write_text("poll_interval: 5m\n")
    assert address("--config.file=config.yml") == healthcheck.DEFAULT_ADDRESS


def test_variables_are_read_as_the_settings_read_them(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, web_listen_address="", config_file="")
    assert address() == healthcheck.DEFAULT_ADDRESS

    environment.setenv("pin_exporter_web_listen_address", ":5")
    assert address() == ":5"


@pytest.mark.parametrize(
    "words",
    [
        ["/opt/pin-exporter/bin/python", "/opt/pin-exporter/bin/pin-exporter", "--web.listen-address=:7"],
        [
            "/sbin/docker-init",
            "--",
            "pin-exporter",
            "demo",
            "--web.listen-address",
            ":7",
            "--log.level=debug",
        ],
        ["python", "-m", "pin_exporter", "serve", "--config.file=config.yml", "--config.check"],
    ],
)
def test_the_flags_of_the_containers_first_process_count(words: Sequence[str]) -> None:
    Path("config.yml").write_text("web_listen_address: ':7'\n")
    first_process(*words)
    assert address() == ":7"


def test_own_flags_win_over_those_of_the_first_process() -> None:
    first_process("pin-exporter", "--web.listen-address=:7")
    assert address("--web.listen-address=:8") == ":8"


def test_the_flags_of_another_program_do_not_count() -> None:
    first_process("/sbin/init", "--web.listen-address=:7")
    assert address() == healthcheck.DEFAULT_ADDRESS


@pytest.mark.parametrize(
    "written",
    [":{}", "0.0.0.0:{}", "127.0.0.1:{}", "localhost:{}"],
)
def test_a_healthy_answer_gives_0(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\nhealthy\n") as port:
        assert healthcheck.main([f"--web.listen-address={written.format(port)}"]) == 0
    assert capsys.readouterr() == ("healthy\n", "")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("written", ["[::]:{}", "[::1]:{}"])
def test_a_healthy_answer_over_ipv6_gives_0(written: str) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", "::1") as port:
        assert healthcheck.main([f"--web.listen-address={written.format(port)}"]) == 0


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"HTTP/1.1 302 Found\r\n", b"", b"\xff 200", b"x" * 9999],
)
def test_any_other_answer_gives_1_and_one_line(
    answer: bytes, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setattr(healthcheck, "_TIMEOUT_SECONDS", 0.2)
    with answering(answer) as port:
        assert healthcheck.main([f"--web.listen-address=127.0.0.1:{port}"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"pin-exporter: 127.0.0.1:{port}: answered ")
    assert err.count("\n") == 1
    assert len(err) < 200


def test_nobody_listening_gives_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with closed_port() as port:
        assert healthcheck.main([f"--web.listen-address=:{port}"]) == 1
    assert capsys.readouterr() == ("", f"pin-exporter: :{port}: Connection refused\n")


def test_a_server_that_does_not_answer_gives_1(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setattr(healthcheck, "_TIMEOUT_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert healthcheck.main([f"--web.listen-address=127.0.0.1:{port}"]) == 1
    assert capsys.readouterr() == ("", f"pin-exporter: 127.0.0.1:{port}: timed out\n")


@pytest.mark.parametrize("flag", ["--web.listen-address=nowhere", "--config.file=none.yml"])
def test_settings_that_lead_nowhere_give_1_and_one_line(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert healthcheck.main([flag]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pin-exporter: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("argument", ["--no-such-flag", f"--api-key={SECRET}", SECRET])
def test_wrong_arguments_give_2_and_are_not_repeated(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        healthcheck.main([argument])
    assert SECRET not in capsys.readouterr().err


def test_the_whole_command_line_knows_the_command_too() -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        assert command_line(["healthcheck", f"--web.listen-address=127.0.0.1:{port}"]) == 0


PROBE = """\
import sys
before = set(sys.modules)
from pin_exporter.__main__ import main
status = main()
ours = {"pin_exporter", *sys.stdlib_module_names}
loaded = {name.partition(".")[0] for name in sys.modules}
# What measures coverage leaves a mark that is no module's name.
print(status, sorted(name for name in loaded - ours - before if name.isidentifier()))
"""


def test_a_real_exporter_is_found_healthy_without_importing_third_party_packages(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.chdir(ROOT)
    with (
        simulator("--account=a:pins=10") as simulated,
        exporter({**simulated.keys["a"], "PIN_EXPORTER_BASE_URL": simulated.base_url}) as running,
    ):
        listening = running.url.removeprefix("http://")
        ended = subprocess.run(
            [sys.executable, "-c", PROBE, "healthcheck",
             f"--web.listen-address={listening}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    assert ended.stdout == "healthy\n0 []\n"


def test_an_env_file_that_is_no_text_is_told_in_one_line(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".env").write_bytes(b"\xff\xfe")
    assert healthcheck.main([]) == 1
    assert capsys.readouterr().err == (
        "pin-exporter: the settings: .env: holds bytes that are no text: each line must be NAME=value\n"
    )
