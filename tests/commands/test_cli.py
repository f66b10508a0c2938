import io
import logging
import re
import runpy
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from pin_exporter import __version__
from pin_exporter.__main__ import main as entry_point
from pin_exporter.commands.cli import main
from pin_exporter.config.settings import Settings
from tests.support.environment import clean, set_variables

SECRET = "Zq7Wm4XkPd9"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


def run(*arguments: str) -> Ended:
    """Run the command line in this process, as the entry point does."""
    out, err = io.BytesIO(), io.StringIO()
    with redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)), redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else -1
        written = out.getvalue().decode()
    assert "Traceback" not in err.getvalue()
    return Ended(status, written, err.getvalue())


@pytest.fixture(autouse=True)
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Leave the environment, and the logging that the command configures, as they were."""
    root, ours = logging.getLogger(), logging.getLogger("pin_exporter")
    handlers, root_level, our_level = root.handlers[:], root.level, ours.level
    root.handlers[:] = []
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        yield patch
    root.handlers[:] = handlers
    root.setLevel(root_level)
    ours.setLevel(our_level)


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z.-]+", text))


def test_help_names_the_commands_and_exit_statuses() -> None:
    ended = run("--help")

    assert (ended.status, ended.err) == (0, "")
    for expected in ("serve", "once", "simulate", "demo", "doctor", "healthcheck", "exit statuses"):
        assert expected in ended.out


@pytest.mark.parametrize("command", ["serve", "once", "simulate", "demo", "doctor", "healthcheck"])
def test_each_command_has_help_of_its_own(command: str) -> None:
    ended = run(command, "--help")

    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: pin-exporter {command} ")


@pytest.mark.parametrize("command", ["serve", "once", "demo", "doctor", "healthcheck"])
def test_no_flag_takes_a_secret(command: str) -> None:
    flags = flags_in(run(command, "--help").out)

    secret = [name for name in Settings.model_fields if "key" in name]
    assert secret
    assert not [flag for flag in flags if "key" in flag or "secret" in flag]
    for name in secret:
        assert run(command, f"--{name.replace('_', '-')}", SECRET).status == 2
        assert run(command, f"--{name.replace('_', '.', 1)}={SECRET}").status == 2


def test_version_is_told() -> None:
    assert run("--version") == Ended(0, f"pin-exporter {__version__}\n", "")


def test_serve_is_meant_without_a_command() -> None:
    nothing, flag_alone = run(), run("--log.level=debug")

    assert nothing == run("serve")
    assert flag_alone == nothing
    assert (nothing.status, nothing.out) == (2, "")
    assert nothing.err.startswith("pin-exporter: no account: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-flag"],
        ["--log.leve=debug"],
        ["serve", "--no-such-flag"],
        ["demo", "--config.file=x"],
        ["once", "--format=xml"],
        ["once", "--poll.interval=5m"],
        ["once", "--output"],
        ["simulate", "--log.level=debug"],
        ["nonsense"],
        ["--log.level"],
        ["--config.check=yes"],
        ["extra", "--"],
    ],
)
def test_wrong_arguments_end_with_2_and_usage(arguments: Sequence[str]) -> None:
    ended = run(*arguments)

    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("usage: pin-exporter ")


@pytest.mark.parametrize(
    "arguments",
    [
        [f"--api-key={SECRET}"],
        ["--api-key", SECRET],
        ["--secret-key", SECRET, "--log.level=info"],
        ["serve", "--api-key", SECRET],
        [f"-k{SECRET}"],
        [SECRET],
        ["serve", SECRET],
    ],
)
def test_a_key_given_as_an_argument_is_not_repeated_into_logs(arguments: Sequence[str]) -> None:
    ended = run(*arguments)

    assert ended.status == 2
    assert SECRET not in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--web.listen-adress=:1"], "--web.listen-adress: did you mean --web.listen-address?"),
        (["once", "--fromat=json"], "--fromat: did you mean --format?"),
        (["simulate", "--max-limt=1"], "--max-limt: did you mean --max-limit?"),
        (["once", "--total.shards=3"], "--total.shards: did you mean --total-shards?"),
        (["--nonsense"], "--nonsense: settings without a flag are environment variables"),
    ],
)
def test_a_flag_that_is_not_known_is_named_with_one_of_the_same_command(
    arguments: Sequence[str], told: str
) -> None:
    assert run(*arguments).err.endswith(f"pin-exporter: error: unknown flag {told}\n")


def test_a_command_behind_flags_is_told_to_stand_first() -> None:
    told = run("--log.level=debug", "once").err
    assert "an argument without a flag; a command stands first: serve, once, " in told


def test_config_check_counts_the_accounts_of_good_settings(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_variables(environment, api_key="k", secret_key=SECRET)
    assert run("--config.check") == Ended(0, "the settings are good; accounts: default\n", "")

    path = tmp_path / "config.yml"
    path.write_text("accounts:\n  - {name: a, api_key: k, secret_key: s}\n")
    assert (
        run("--config.check", f"--config.file={path}").out == "the settings are good; accounts: default, a\n"
    )


def test_config_check_tells_every_problem_of_bad_settings_on_a_line_each(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_variables(environment, api_key=f"{SECRET} {SECRET}", page_size="none")
    path = tmp_path / "config.yml"
    path.write_text("pol_interval: 5m\n")

    ended = run("--config.check", f"--config.file={path}", "--log.level=loud")

    assert (ended.status, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("pin-exporter: ") for line in lines)
    assert f"pin-exporter: {path}:1: pol_interval: is not a setting: did you mean poll_interval?" in lines
    assert SECRET not in ended.err


def test_config_check_tells_of_the_web_configuration_too_when_the_settings_are_wrong(
    tmp_path: Path,
) -> None:
    (tmp_path / "web.yml").write_text("tls_server: {}\n")
    told = run("--config.check", f"--web.config.file={tmp_path}/web.yml", "--log.level=loud").err.splitlines()
    assert len(told) == 2
    told = run("--config.check", f"--web.config.file={tmp_path}/web.yml").err.splitlines()
    assert [line.rpartition("/")[2].partition(":")[0] for line in told] == ["pin-exporter", "web.yml"]


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        (["127.0.0.1:11,[::1]:12"], ""),
        (["127.0.0.1:11, [::1]:12", ":13"], ""),
        ([":11", ":11"], "contains an address twice"),
        ([":12,:11", ":12"], "contains an address twice"),
        ([""], "must be host:port, [IPv6 address]:port or :port"),
    ],
)
def test_flags_of_addresses_may_hold_commas_and_name_none_twice(
    addresses: Sequence[str], told: str, environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, api_key="k", secret_key=SECRET)
    ended = run("--config.check", *(f"--web.listen-address={address}" for address in addresses))
    assert ended.err == (told and f"pin-exporter: --web.listen-address: {told}\n")
    assert ended.status == (2 if told else 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config.file="],
        ["--config.check", "--web.config.file="],
        ["once", "--output="],
        ["demo", "--web.config.file="],
    ],
)
def test_a_file_without_a_name_is_told_of_as_empty(
    arguments: Sequence[str], environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, api_key="k", secret_key=SECRET)
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert f"{arguments[-1].rstrip('=')}: is empty: " in ended.err


@pytest.mark.parametrize("content", ["", "# nothing\n", "basic_auth_users: {}\n", "http_server_config: {}\n"])
def test_config_check_warns_of_a_web_configuration_that_guards_nothing(
    content: str, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_variables(environment, api_key="k", secret_key=SECRET)
    (tmp_path / "web.yml").write_text(content)
    ended = run("--config.check", f"--web.config.file={tmp_path}/web.yml")
    assert ended.status == 0
    assert ended.err.startswith(f"pin-exporter: {tmp_path}/web.yml: enables neither TLS nor basic auth")


@pytest.mark.parametrize("command", [[], ["--config.check"], ["serve"]])
def test_a_file_that_cannot_be_read_ends_with_2(command: Sequence[str], tmp_path: Path) -> None:
    ended = run(*command, f"--config.file={tmp_path / 'none.yml'}")

    assert ended == Ended(
        2, "", f"pin-exporter: {tmp_path / 'none.yml'}: cannot be read: No such file or directory\n"
    )


def test_the_demo_tells_of_wrong_settings_like_serve(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, log_format="xml")

    ended = run("demo", "--log.level=loud", "--web.listen-address=nowhere")

    assert ended.status == 2
    assert sorted(line.split()[1] for line in ended.err.splitlines()) == [
        "--log.level:",
        "--web.listen-address:",
        "PIN_EXPORTER_LOG_FORMAT:",
    ]


@pytest.fixture
def taken_address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_ends_with_3_and_says_which(
    command: str, taken_address: str, environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, api_key="k", secret_key=SECRET)

    ended = run(command, f"--web.listen-address={taken_address}")

    assert (ended.status, ended.out) == (3, "")
    (line,) = ended.err.splitlines()
    assert line.startswith(f"pin-exporter: cannot listen on {taken_address}: Address already in use")
    assert line.endswith(": choose another --web.listen-address")


def test_an_address_of_another_machine_ends_with_3(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, api_key="k", secret_key="s", web_listen_address="192.0.2.1:0")

    ended = run()

    assert ended.status == 3
    assert "cannot listen on 192.0.2.1:0: " in ended.err


def test_python_m_runs_the_same_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pin-exporter", "--version"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.delitem(sys.modules, "pin_exporter.__main__")
    out = io.StringIO()

    with redirect_stdout(out), pytest.raises(SystemExit, match="0"):
        runpy.run_module("pin_exporter", run_name="__main__")

    assert out.getvalue() == f"pin-exporter {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "number", "status"),
    [
        ([], signal.SIGTERM, 0),
        ([], signal.SIGINT, 0),
        (["demo"], signal.SIGINT, 0),
        (["once"], signal.SIGTERM, 143),
        (["once"], signal.SIGINT, 130),
        (["doctor"], signal.SIGTERM, 143),
        (["--config.check"], signal.SIGTERM, 143),
        (["healthcheck"], signal.SIGTERM, 143),
    ],
)
def test_it_can_be_told_to_stop_before_anything_is_imported_and_an_open_question_is_no_success(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], number: signal.Signals, status: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["pin-exporter", *arguments])
    monkeypatch.setattr("pin_exporter.commands.cli.main", lambda: signal.raise_signal(number))
    monkeypatch.setattr("pin_exporter.commands.healthcheck.main", lambda _: signal.raise_signal(number))
    before = {each: signal.getsignal(each) for each in SIGNALS}

    try:
        with pytest.raises(SystemExit) as ended:
            entry_point()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

    assert ended.value.code == status


def test_what_it_was_started_to_ignore_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> int:
        signal.raise_signal(signal.SIGINT)
        return 7

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(sys, "argv", ["pin-exporter", "once"])
    monkeypatch.setattr("pin_exporter.commands.cli.main", main)

    try:
        assert entry_point() == 7
    finally:
        signal.signal(signal.SIGINT, before)
