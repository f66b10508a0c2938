import errno
import io
import logging
import os
import re
import runpy
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from pin_exporter import __version__
from pin_exporter.__main__ import main as entry_point
from pin_exporter.commands.cli import main
from pin_exporter.config.settings import Settings
from tests.support.environment import set_variables, unchanged

COMMANDS = ("serve", "once", "simulate", "demo", "doctor", "healthcheck")
SECRET = "Zq7Wm4XkPd9"


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


def run(*arguments: str) -> Ended:
    """Run the command line in this process."""
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
    with unchanged() as patch:
        yield patch
    root.handlers[:] = handlers
    root.setLevel(root_level)
    ours.setLevel(our_level)


@pytest.fixture
def keys(environment: pytest.MonkeyPatch) -> None:
    """Set both keys."""
    set_variables(environment, api_key="k", secret_key=SECRET)


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z.-]+", text))


def test_help_names_the_commands_and_exit_statuses() -> None:
    ended = run("--help")
    assert (ended.status, ended.err) == (0, "")
    for expected in (*COMMANDS, "exit status"):
        assert expected in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_of_its_own(command: str) -> None:
    ended = run(command, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: pin-exporter {command} ")


def test_the_flags_of_serve_are_these_and_name_their_variables() -> None:
    text = run("serve", "--help").out
    expected = (
        "--help --config.file --config.check --or-demo --web.config.file --shard --total-shards "
        "--web.allowed-hosts --web.enable-lifecycle --web.listen-address --web.telemetry-path "
        "--log.level --log.format"
    )
    assert flags_in(text) == set(expected.split())
    assert "PIN_EXPORTER_WEB_LISTEN_ADDRESS" in text


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "simulate"])
def test_no_flag_takes_a_secret(command: str) -> None:
    assert not [flag for flag in flags_in(run(command, "--help").out) if "key" in flag or "secret" in flag]
    for name in (name for name in Settings.model_fields if "key" in name):
        assert run(command, f"--{name.replace('_', '-')}", SECRET).status == 2
        assert run(command, f"--{name.replace('_', '.', 1)}={SECRET}").status == 2


def test_without_a_command_it_serves_and_without_an_account_it_says_what_to_do() -> None:
    without_keys = run()
    assert (without_keys.status, without_keys.out) == (2, "")
    assert without_keys.err.startswith("pin-exporter: no account")
    assert "pin-exporter demo" in without_keys.err
    assert run("serve") == run("--log.level=debug") == without_keys


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serv"], "unknown command `serv`: did you mean serve?"),
        (["nonsense"], "unknown command `nonsense`; the commands are serve, once, "),
        ([SECRET], "unknown command;"),
        (["serve", SECRET], "a command must come first"),
        (["--log.level=debug", "once"], "a command must come first"),
        (["--web.listen-adress=:1"], "--web.listen-adress: did you mean --web.listen-address?"),
        (["once", "--fromat=json"], "--fromat: did you mean --format?"),
        (["simulate", "--max-limt=1"], "--max-limt: did you mean --max-limit?"),
        (["once", "--total.shards=3"], "--total.shards: did you mean --total-shards?"),
        (["simulate", "--log.level=debug"], "PIN_EXPORTER_LOG_LEVEL"),
        (["--poll.interval=5m"], "PIN_EXPORTER_POLL_INTERVAL"),
        (["serve", "--page-size", "5"], "PIN_EXPORTER_PAGE_SIZE"),
        (["doctor", "--shard=1"], "PIN_EXPORTER_SHARD"),
        (["demo", "--config.file=x"], "PIN_EXPORTER_CONFIG_FILE"),
        (["--no-such-flag"], "--no-such-flag"),
        (["once", "--format=xml"], "--format"),
        (["once", "--output"], "--output"),
        (["--log.level"], "--log.level"),
        (["--config.check=yes"], "--config.check"),
        ([f"--api-key={SECRET}"], "PIN_EXPORTER_API_KEY"),
        (["--secret-key", SECRET, "--log.level=info"], "PIN_EXPORTER_SECRET_KEY"),
        ([f"-k{SECRET}"], "a command must come first"),
    ],
)
def test_wrong_arguments_give_2_with_a_hint_and_never_repeat_a_key(
    arguments: Sequence[str], words: str
) -> None:
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    command = next((each for each in arguments[:1] if each in COMMANDS), "serve")
    usage = "[-h] [--version] COMMAND" if "unknown command" in words else command
    assert ended.err.startswith(f"usage: pin-exporter {usage} ")
    assert words in ended.err
    assert SECRET not in ended.err


@pytest.fixture
def directory(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a working directory without a file `.env`."""
    environment.chdir(tmp_path)
    return tmp_path


def test_config_check_says_what_would_run_and_where_it_is_from(
    directory: Path, environment: pytest.MonkeyPatch
) -> None:
    path, key = directory / "config.yml", directory / "key"
    path.write_text(
        "base_url: http://localhost:2/api\naccounts:\n"
        "- {name: a, api_key: k, secret_key: s, base_url: http://localhost:1/api}\n"
        f"- {{name: b, api_key_file: {key}, secret_key: s}}\n"
    )
    path.chmod(0o600)
    key.write_text("k")
    (directory / ".env").write_text(f"PIN_EXPORTER_API_KEY=k\npin_exporter_secret_key={SECRET}\n")
    (directory / ".env").chmod(0o644)
    set_variables(environment, account="mine", aply_key="k")
    ended = run("--config.check", f"--config.file={path}", "--web.listen-address=:1")
    fingerprint = sha256(b"k").hexdigest()[:8]
    assert ended.out.splitlines() == [
        f"config file: {path}",
        "env file: .env",
        "variables: PIN_EXPORTER_API_KEY PIN_EXPORTER_SECRET_KEY PIN_EXPORTER_ACCOUNT",
        "accounts: 3",
        "listening: :1",
        "protection: none",
        *(
            f"account {name}: {url}, API key {fingerprint} ({key_from})"
            for name, url, key_from in (
                ("mine", f"http://localhost:2/api ({path}:1: base_url)", "PIN_EXPORTER_API_KEY in .env"),
                (
                    "a",
                    f"http://localhost:1/api ({path}:3: accounts[0].base_url)",
                    f"{path}:3: accounts[0].api_key",
                ),
                ("b", f"http://localhost:2/api ({path}:1: base_url)", f"{path}:4: accounts[1].api_key_file"),
            )
        ),
        "the settings are valid",
    ]
    unknown, exposed = ended.err.splitlines()
    assert "did you mean PIN_EXPORTER_API_KEY? (variable=PIN_EXPORTER_APLY_KEY)" in unknown
    assert exposed.endswith("every user of this machine can read it: chmod 600 (file=.env)")
    assert ended.status == 0
    assert SECRET not in ended.out


@pytest.mark.usefixtures("keys")
def test_config_check_shows_a_default_and_only_some_of_many_accounts(directory: Path) -> None:
    assert "account default: https://api.aiozpin.network/api (default), " in run("--config.check").out
    entries = "".join(f"- {{name: a{number}, api_key: k, secret_key: s}}\n" for number in range(99))
    (directory / "config.yml").write_text(f"accounts:\n{entries}")
    out = run("--config.check", "--config.file=config.yml").out
    assert out.count("\naccount ") == 20
    assert "\nand 80 more\n" in out


def test_config_check_reads_the_files_that_do_not_keep_serve_from_starting(directory: Path) -> None:
    path, token, cids = (directory / name for name in ("config.yml", "token", "cids.txt"))
    path.write_text(
        "gateway_url: http://localhost:1\ngateway_token_file: token\naccounts:\n"
        "- {name: a, api_key: k, secret_key: s}\n"
        "- {name: b, api_key: k, secret_key: s, expected_cids_file: cids.txt}\n"
    )
    path.chmod(0o600)
    check = ("--config.check", f"--config.file={path}")
    unreadable = f"cannot read the file: {os.strerror(errno.ENOENT)}"
    assert run(*check) == Ended(
        2,
        "",
        f"pin-exporter: {path}:2: gateway_token_file: {unreadable}\n"
        f"pin-exporter: {path}:5: accounts[1].expected_cids_file: {unreadable}\n",
    )

    token.write_text("two words")
    cids.write_text("[1]")
    ended = run(*check)
    assert f"{path}:2: gateway_token_file: the file contains no valid key: " in ended.err
    assert "].expected_cids_file: cannot read the file: not a JSON array of strings, at" in ended.err
    assert (ended.status, "two words" in ended.err) == (2, False)

    token.write_text("a-token")
    cids.write_text("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn\nno-cid\n")
    ended = run(*check)
    assert ended.status == 0
    (warning,) = ended.err.splitlines()
    assert "account=b" in warning
    assert "line 2: " in warning


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("env_file", "arguments", "runs_demo"),
    [
        ("", (), True),
        ("# PIN_EXPORTER_API_KEY=k\nPIN_EXPORTER_LOG_LEVEL=debug\nOTHER=1\n", (), True),
        ("\ufeffpin_exporter_secret_key=s\n", (), False),
        (" export  PIN_EXPORTER_BASE_URL=http://127.0.0.1:1\n", (), False),
        *((f"{name}=k\n", (), False) for name in ("PINEXPORTER_API_KEY", "AIOZ_PIN_API_KEY")),
        *((f"PIN_EXPORTER_API_KEY{rest}\n", (), False) for rest in ("=", ": k", "")),
        ("", ("--config.file=config.yml",), False),
        ("", ("--shard=1",), False),
    ],
)
def test_the_demo_runs_only_where_nobody_tried_to_configure_an_account(
    env_file: str, arguments: tuple[str, ...], runs_demo: bool
) -> None:
    Path(".env").write_text(env_file)
    ended = run("--or-demo", "--config.check", "--web.listen-address=:1", *arguments)
    if runs_demo:
        assert ended == Ended(0, "no account is configured: runs the demo\n", "")
    else:
        assert (ended.status, ended.out) == (2, "")


@pytest.mark.usefixtures("directory")
def test_config_check_shows_every_problem_those_of_the_web_config_too(
    environment: pytest.MonkeyPatch,
) -> None:
    """Whatever else is wrong, and wherever the file is named."""
    Path("web.yml").write_text("tls_server: {}\n")
    Path("config.yml").write_text("web_config_file: web.yml\npol_interval: 5m\n")
    set_variables(environment, api_key=f"{SECRET} {SECRET}", apply_key="k")
    for arguments in (("--web.config.file=web.yml", "--log.level=loud"), ("--config.file=config.yml",)):
        ended = run("--config.check", *arguments)
        assert (ended.status, ended.out) == (2, "")
        lines = ended.err.splitlines()
        assert all(line.startswith("pin-exporter: ") for line in lines)
        assert sum("PIN_EXPORTER_API_KEY: the key contains white space" in line for line in lines) == 1
        assert sum(("--log.level: " in line) or ("config.yml:2: pol_" in line) for line in lines) == 1
        assert sum("web.yml:1: tls_server: " in line for line in lines) == 1
        assert lines[-1].startswith("pin-exporter: PIN_EXPORTER_APPLY_KEY: is not a setting")
        assert SECRET not in ended.err


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("content", ["", "# nothing\n", "basic_auth_users: {}\n", "http_server_config: {}\n"])
def test_config_check_warns_of_a_web_config_that_protects_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(content)
    ended = run("--config.check", f"--web.config.file={tmp_path}/web.yml")
    assert ended.status == 0
    assert "enables neither TLS nor basic auth" in ended.err
    assert ended.err.endswith(f" (file={tmp_path}/web.yml)\n")


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--config.file="],
        ["--config.check", "--web.config.file="],
        ["once", "--output="],
        ["demo", "--web.config.file="],
        ["--config.file=none.yml"],
        ["--config.check", "--config.file=none.yml"],
    ],
)
def test_a_file_that_is_not_there_or_has_no_name_gives_2(arguments: Sequence[str], tmp_path: Path) -> None:
    arguments = [argument.replace("none.yml", f"{tmp_path}/none.yml") for argument in arguments]
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    flag, _, path = arguments[-1].partition("=")
    line = ended.err.splitlines()[-1]
    assert line.startswith("pin-exporter")
    assert (path or flag) in line


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_an_address_that_cannot_be_listened_on_gives_3(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        ended = run(command, f"--web.listen-address={address}")
    assert (ended.status, ended.out) == (3, "")
    (line,) = ended.err.splitlines()
    assert line.startswith(f"pin-exporter: cannot listen on {address}: Address already in use")


def test_python_m_runs_the_same_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pin-exporter", "--version"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.delitem(sys.modules, "pin_exporter.__main__")
    out = io.StringIO()
    with redirect_stdout(out), pytest.raises(SystemExit, match="0"):
        runpy.run_module("pin_exporter", run_name="__main__")
    assert out.getvalue() == f"pin-exporter {__version__}\n"


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the handlers of signals back after the test."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.usefixtures("handlers")
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
def test_a_signal_ends_it_before_everything_is_imported_and_no_result_is_no_success(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], number: signal.Signals, status: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["pin-exporter", *arguments])
    monkeypatch.setattr("pin_exporter.commands.cli.main", lambda: signal.raise_signal(number))
    monkeypatch.setattr("pin_exporter.commands.healthcheck.main", lambda _: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended:
        entry_point()
    assert ended.value.code == status


@pytest.mark.usefixtures("handlers")
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> int:
        signal.raise_signal(signal.SIGINT)
        return 7

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(sys, "argv", ["pin-exporter", "once"])
    monkeypatch.setattr("pin_exporter.commands.cli.main", interrupted)
    assert entry_point() == 7
