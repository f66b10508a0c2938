import os
from pathlib import Path

import pytest

from pin_exporter.api.credentials import read_key_file
from pin_exporter.api.proxy_tls import TlsFiles
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.files import open_plain
from pin_exporter.toolkit.yaml_file import read_config_file

TOLD = "it is a pipe or a device, which cannot be read again"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe that nobody writes to: whoever opens it as a file waits for ever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_file_is_read_and_a_directory_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with open_plain(tmp_path / "file") as file:
        assert file.read() == b"content"
    with pytest.raises(IsADirectoryError):
        open_plain(tmp_path)


def test_a_pipe_is_refused_at_once_also_where_somebody_may_write_to_it(pipe: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=TOLD):
        open_plain(pipe)
    with os.fdopen(os.open(pipe, os.O_RDWR)), pytest.raises(OSError, match=TOLD):
        open_plain(pipe)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_nothing_that_is_read_again_waits_for_a_pipe(pipe: Path) -> None:
    with pytest.raises(ValueError, match=TOLD):
        read_key_file(pipe)
    with pytest.raises(SettingsError, match=TOLD):
        read_config_file(pipe, again=True)
    assert list(TlsFiles(ca_file=pipe).problems()) == [("ca_file", f"cannot read the file: {TOLD}")]
