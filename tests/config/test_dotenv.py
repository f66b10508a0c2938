import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pin_exporter.config.dotenv import EnvFile, load_env_file
from pin_exporter.toolkit.errors import SettingsError
from tests.support.environment import unchanged
from tests.support.processes import PATIENCE_SECONDS, running, unprivileged

ROOT = Path(__file__).parents[2]

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with unchanged():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def ours() -> dict[str, str]:
    return {
        name.removeprefix("PIN_EXPORTER_"): value for name, value in os.environ.items() if "EXPORTER" in name
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"PIN_EXPORTER_PAGE_SIZE=7\n", {"PAGE_SIZE": "7"}),
        (b"\xef\xbb\xbfPIN_EXPORTER_PAGE_SIZE=7\r\n", {"PAGE_SIZE": "7"}),
        (b" export  pin_exporter_page_size='7' # rows\n", {"PAGE_SIZE": "7"}),
        (b"PIN_EXPORTER_ACCOUNT=theirs\n", {}),  # this variable is set already
        (b"pin_exporter_account=theirs\n", {}),
        (b"PIN_EXPORTER_API_KEY=\n", {"API_KEY": ""}),
        (b"PIN_EXPORTER_API_KEY=a${HOME}$(id)b\n", {"API_KEY": "a${HOME}$(id)b"}),
        (b"PIN_EXPORTER_API_KEY='abc${HOME}def'\n", {"API_KEY": "abc${HOME}def"}),
        (b"A=1\nPIN_EXPORTER_API_KEY=${A}\n", {"API_KEY": "${A}"}),
        (b"PINEXPORTER_API_KEY=k\n", {"PINEXPORTER_API_KEY": "k"}),  # to be reported as unknown
        (b"SSLKEYLOGFILE=/tmp/keys\nhttp_proxy=http://x\nLD_PRELOAD=x\nPATH=x\n", {}),
        (b"# PIN_EXPORTER_API_KEY=k\n", {}),
        (b"", {}),
    ],
)
def test_only_our_variables_are_set_as_they_are_unless_they_are_set_already(
    path: Path, content: bytes, expected: dict[str, str]
) -> None:
    os.environ["PIN_EXPORTER_ACCOUNT"] = "mine"
    before = dict(os.environ)
    path.write_bytes(content)
    path.chmod(0o600)
    names = {name if "EXPORTER" in name else f"PIN_EXPORTER_{name}" for name in expected}
    assert load_env_file(path) == EnvFile(frozenset(names))
    assert ours() == {"ACCOUNT": "mine", **expected}
    assert before.items() <= os.environ.items()
    assert len(os.environ) == len(before) + len(expected)


def test_lines_that_are_not_variables_are_printed_by_number_and_the_others_are_set(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"= {SECRET}", "'PIN_EXPORTER_API_KEY", "PIN_EXPORTER_SECRET_KEY", f"PIN_EXPORTER_X: {SECRET}"]
    path.write_text("\n".join(["PIN_EXPORTER_ACCOUNT=mine", *lines, "PIN_EXPORTER_PAGE_SIZE=7"]))
    assert load_env_file(path).has_problems
    expected = [f"pin-exporter: {path}:{line}: has no effect: write NAME=value" for line in (2, 3, 4, 5)]
    assert capsys.readouterr().err.splitlines() == expected
    assert ours() == {"ACCOUNT": "mine", "PAGE_SIZE": "7"}
    path.write_text("= x\n" * 1_000)
    load_env_file(path)
    *shown, last = capsys.readouterr().err.splitlines()
    assert (len(shown), last) == (10, "pin-exporter: and 990 more")


def test_a_missing_file_is_no_problem_and_a_directory_has_no_effect(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_env_file(path) == EnvFile()
    path.mkdir()
    assert load_env_file(path) == EnvFile(has_problems=True)
    assert capsys.readouterr().err == f"pin-exporter: {path}: has no effect: it is a directory\n"


@pytest.mark.parametrize(
    ("mode", "group", "problem"),
    [
        (0o600, os.getegid(), ""),
        (0o644, os.getegid(), "readable"),
        (0o664, os.getegid(), "readable"),
        (0o660, os.getegid() + 1, "other users can change it: chmod 600"),
        (0o602, os.getegid(), "other users can change it: chmod 600"),
    ],
)
def test_a_file_that_others_can_change_is_refused(path: Path, mode: int, group: int, problem: str) -> None:
    path.write_text("PIN_EXPORTER_API_KEY=k\n")
    try:
        os.chown(path, -1, group)
    except PermissionError:
        pytest.skip("only root can give a file to another group")
    path.chmod(mode)
    if problem in ("", "readable"):
        assert load_env_file(path).is_exposed is bool(problem)
    else:
        with pytest.raises(SettingsError, match=problem):
            load_env_file(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_of_root_or_oneself_is_read_and_one_of_another_user_refused(
    path: Path, is_link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of a link counts as well: another user may have put it there."""
    file = path.with_name("file") if is_link else path
    file.write_text(f"PIN_EXPORTER_API_KEY={SECRET}\n")
    file.chmod(0o600)
    if is_link:
        path.symlink_to(file)
    for owner, is_read in ((0, True), (1_000, True), (1_001, False)):
        os.chown(path, owner, -1, follow_symlinks=False)
        with monkeypatch.context() as patch:
            patch.setattr(os, "geteuid", lambda: 1_000)
            if is_read:
                assert load_env_file(path) == EnvFile(frozenset(["PIN_EXPORTER_API_KEY"]))
                del os.environ["PIN_EXPORTER_API_KEY"]
            else:
                with pytest.raises(SettingsError, match="belongs to another user: "):
                    load_env_file(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe", "not UTF-8 text"),
        (f"PIN_EXPORTER_API_KEY={SECRET}\0\n".encode(), "not UTF-8 text"),
        (f"PIN_EXPORTER_API_KEY={SECRET}".encode("utf-16"), "not UTF-8 text"),
        (f"\xabPIN_EXPORTER_API_KEY={SECRET}".encode("latin-1"), "not UTF-8 text"),
        (f"PIN_EXPORTER_API_KEY={SECRET}\n".encode() * 4_000, "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_is_not_text_or_too_large_is_refused_without_showing_it(
    path: Path, content: bytes, problem: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=problem) as caught:
        load_env_file(path)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_pipe_a_device_an_endless_file_and_a_broken_link_are_refused_at_once(path: Path) -> None:
    for target in ("pipe", "/dev/zero", "/proc/self/mem", "nowhere"):
        if target == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(target)
        with pytest.raises(SettingsError):
            load_env_file(path)
        path.unlink()


def test_a_working_directory_that_may_not_be_entered_is_one_line_and_no_failure(tmp_path: Path) -> None:
    """As after `sudo -u` in the home of another user."""
    given = {"PYTHONPATH": str(ROOT), "PIN_EXPORTER_API_KEY": "k", "PIN_EXPORTER_SECRET_KEY": "s"}
    home = tmp_path / "home"
    home.mkdir()
    enter = ["sh", "-c", 'cd "$0" && chmod 0 . && exec "$@"', str(home)]
    command = [*enter, *unprivileged(), sys.executable, "-P", "-m", "pin_exporter", "--config.check"]
    with running(command, given) as process:
        assert process.popen.wait(PATIENCE_SECONDS) == 0
        process.stop()
    line, *summary = process.lines
    assert line == "pin-exporter: .env: not looked for in the working directory: Permission denied"
    assert summary[-1] == "the settings are valid"
