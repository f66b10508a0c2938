import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pin_exporter.toolkit.errors import OutputError
from pin_exporter.toolkit.output import ProgressLine, check_file, print_error, write_file
from tests.support.processes import PATIENCE_SECONDS

PROGRAM = """
import sys
from pin_exporter.toolkit.errors import OutputError
from pin_exporter.toolkit.output import print_error, write_standard_output
try:
    write_standard_output("\u00e4")
    write_standard_output("\u00e4".encode() * int(sys.argv[1]))
except BrokenPipeError:
    sys.exit(3)
except OutputError as error:
    print_error("some-exporter", str(error))
    sys.exit(2)
"""
FULL = "some-exporter: standard output cannot be written: No space left on device\n"
CLOSED = "some-exporter: standard output is closed: redirect it to a file or a terminal\n"


@pytest.mark.parametrize(
    ("command", "status", "output", "errors"),
    [
        ("write 1", 0, "ää", ""),
        ("PYTHONIOENCODING=ascii write 1", 0, r"\xe4ä", ""),
        ("write 1 >/dev/full", 2, "", FULL),
        ("write 1 >/dev/full 2>/dev/full", 2, "", ""),
        ("write 1 >&-", 2, "", CLOSED),
        ("write 1000000 | true", 3, "", ""),
    ],
)
def test_what_standard_output_does_not_take_is_one_line_and_a_status(
    command: str, status: int, output: str, errors: str
) -> None:
    shell = f'set -o pipefail; write() {{ "$PYTHON" -c "$PROGRAM" "$@"; }}; {command}'
    ended = subprocess.run(
        ["bash", "-c", shell],
        env=os.environ | {"PYTHON": sys.executable, "PROGRAM": PROGRAM, "PYTHONUTF8": "1"},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        text=True,
        encoding="utf-8",
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, output, errors)


def test_what_is_invisible_in_an_error_is_printed_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("some-exporter", "\x1b[2J\u202egone\r\nagain\x7f")
    assert capsys.readouterr().err == "some-exporter: \\u001b[2J\\u202egone\\u000d\\u000aagain\\u007f\n"


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o644)])
def test_the_umask_decides_who_may_read_a_file(tmp_path: Path, mask: int, mode: int) -> None:
    os.umask(mask)
    write_file(tmp_path / "a.prom", b"text\n")
    assert stat.S_IMODE((tmp_path / "a.prom").stat().st_mode) == mode
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.prom"
    texts = [bytes([letter]) * 500_000 for letter in b"ab"]
    write_file(path, texts[0])
    begun, over = threading.Event(), threading.Event()

    def read() -> set[bytes]:
        seen = set()
        while not over.is_set():
            seen.add(path.read_bytes())
            begun.set()
        return seen

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        begun.wait(PATIENCE_SECONDS)
        for number in range(60):
            write_file(path, texts[number % 2])
        over.set()
    assert reading.result() <= set(texts)


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere/a.prom", tmp_path / "a.prom"
    target.write_bytes(b"before\n")
    link.symlink_to(target)
    check_file(link)
    write_file(link, b"after\n")
    assert link.is_symlink()
    assert target.read_bytes() == b"after\n"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none/a.prom", "cannot be written: No such file or directory: choose a file in a directory"),
        ("file/a.prom", "cannot be written: Not a directory: "),
        ("directory", "is not a file: "),
        ("pipe", "is not a file: "),
        ("n" * 300, "cannot be written: File name too long: "),
        ("circle", "cannot be written: Too many levels of symbolic links: "),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    before = set(tmp_path.iterdir())
    with pytest.raises(OutputError) as refused:
        check_file(tmp_path / name)
    assert str(refused.value).startswith(f"{tmp_path / name}: {problem}")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["a.prom", "with space\\and\ttab.prom"])
def test_a_file_that_is_mounted_by_itself_is_refused_because_it_cannot_be_replaced(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "outside").touch()
    (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(name)
    (tmp_path / "other.prom").touch()
    program = """
import sys
from pathlib import Path
from pin_exporter.toolkit.errors import OutputError
from pin_exporter.toolkit.output import check_file
for path in sys.argv[1:]:
    try:
        check_file(Path(path))
        print("can be written")
    except OutputError as error:
        print(error)
"""
    script = 'mount --bind "$1" "$2" && shift && exec "$0" -c "$PROGRAM" "$@"'
    files = [str(tmp_path / each) for each in (name, "link", "other.prom")]
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, str(tmp_path / "outside"), *files],
        env=os.environ | {"PROGRAM": program},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare failed" in ended.stderr or "mount:" in ended.stderr:
        pytest.skip("this user may not mount anything")
    problem = "is mounted as a single file, which cannot be replaced: mount its directory instead, or "
    mounted, link, other = ended.stdout.splitlines()
    assert mounted.startswith(f"{files[0]}: {problem}")
    assert link.startswith(f"{files[1]}: {problem}")
    assert other == "can be written"


def test_checking_a_file_leaves_no_trace(tmp_path: Path) -> None:
    check_file(tmp_path / "a.prom")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_an_error_while_a_file_is_written_leaves_the_previous_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.prom"
    path.write_bytes(b"before\n")
    monkeypatch.setattr(os, moment, full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_file(path, b"after\n")
    monkeypatch.undo()
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"before\n"]


class Stream(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: is_terminal  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("is_terminal", "term", "output"),
    [
        (True, "xterm", "\r1 of 2 \x1b[K\r2 of 2 \x1b[K\r\x1b[K"),
        (True, "dumb", ""),
        (False, "xterm", ""),
    ],
)
def test_progress_is_shown_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, term: str, output: str
) -> None:
    stream = Stream(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    line = ProgressLine()
    line.show("1 of 2")
    line.show("2 of 2")
    line.erase()
    assert stream.getvalue() == output
