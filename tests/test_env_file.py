import os
from pathlib import Path

import pytest

from pin_exporter.env_file import load_env_file
from pin_exporter.errors import SettingsError

NAMES = ("PIN_EXPORTER_ACCOUNT", "PIN_EXPORTER_PAGE_SIZE", "PIN_EXPORTER_API_KEY")
NO_TEXT = [b"\xff\xfe", b"PIN_EXPORTER_API_KEY=s3cr3t\0\n", b"\xabPIN_EXPORTER_API_KEY=s3cr3t"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # to be taken away again at the end
        del os.environ[name]


def test_variables_are_set_unless_they_are_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_EXPORTER_ACCOUNT", "mine")
    (tmp_path / ".env").write_text("PIN_EXPORTER_ACCOUNT=theirs\nPIN_EXPORTER_PAGE_SIZE=7\n")
    load_env_file(tmp_path / ".env")
    assert [os.environ[f"PIN_EXPORTER_{name}"] for name in ("ACCOUNT", "PAGE_SIZE")] == ["mine", "7"]


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    load_env_file(tmp_path / ".env")


@pytest.mark.parametrize("content", NO_TEXT)
def test_a_file_that_is_no_text_is_told_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match="no text") as caught:
        load_env_file(tmp_path / ".env")
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__
