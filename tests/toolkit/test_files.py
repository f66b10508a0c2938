import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.files import max_connection_files, open_regular, signature
from pin_exporter.toolkit.yaml_file import read_yaml_file

REFUSED = "it is a pipe or a device: use a regular file"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Return a pipe without a writer: opening it like a file would block forever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_file_is_opened_and_a_directory_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with open_regular(tmp_path / "file") as file:
        assert file.read() == b"content"
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_a_pipe_is_refused_at_once_with_or_without_a_writer(pipe: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=REFUSED):
        open_regular(pipe)
    with os.fdopen(os.open(pipe, os.O_RDWR)), pytest.raises(OSError, match=REFUSED):
        open_regular(pipe)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(SettingsError, match=REFUSED):
        read_yaml_file(pipe, again=True)


def test_a_signature_changes_with_the_file_and_with_what_a_link_points_to(tmp_path: Path) -> None:
    first, second, link = tmp_path / "first", tmp_path / "second", tmp_path / "link"
    paths = [first, link]
    seen = [signature(paths)]
    first.write_text("a", "utf-8")
    second.write_text("a", "utf-8")
    seen.append(signature(paths))
    link.symlink_to(first)
    seen.append(signature(paths))
    link.unlink()
    link.symlink_to(second)
    seen.append(signature(paths))
    second.write_text("bb", "utf-8")
    seen.append(signature(paths))
    first.write_text("", "utf-8")
    seen.append(signature(paths))
    assert len(set(seen)) == len(seen)
    assert signature(paths) == seen[-1]
    assert signature([Path("\0")]) != signature([])


@pytest.mark.parametrize(
    ("files", "connections"), [(8, 16), (128, 32), (256, 96), (1_024, 480), (resource.RLIM_INFINITY, 500)]
)
def test_incoming_and_outgoing_connections_share_the_open_files(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, resource.RLIM_INFINITY))
    assert max_connection_files() == connections
    assert max_connection_files(20) == min(20, connections)


def test_the_limit_of_open_files_is_raised_as_far_as_allowed() -> None:
    program = """
import resource
from pin_exporter.toolkit.files import raise_limit_of_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
raise_limit_of_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "(200, 200)\n"
