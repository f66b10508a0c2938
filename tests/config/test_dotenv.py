import os
from pathlib import Path

import pytest

from pin_exporter.config.dotenv import load_env_file
from pin_exporter.toolkit.errors import SettingsError

NAMES = ("PIN_EXPORTER_ACCOUNT", "PIN_EXPORTER_PAGE_SIZE", "PIN_EXPORTER_API_KEY")
NOT_TEXT = [b"\xff\xfe", b"PIN_EXPORTER_API_KEY=s3cr3t\0\n", b"\xabPIN_EXPORTER_API_KEY=s3cr3t"]


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


def test_a_missing_file_is_no_problem(tmp_path: Path) -> None:
    load_env_file(tmp_path / ".env")


def test_lines_that_are_not_variables_are_printed_by_number_and_the_others_are_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ".env"
    path.write_text("PIN_EXPORTER_ACCOUNT=mine\n= s3cr3t\n'PIN_EXPORTER_API_KEY\nPIN_EXPORTER_PAGE_SIZE=7\n")
    load_env_file(path)
    expected = "".join(f"pin-exporter: {path}:{line}: has no effect: write NAME=value\n" for line in (2, 3))
    assert capsys.readouterr().err == expected
    assert [os.environ[f"PIN_EXPORTER_{name}"] for name in ("ACCOUNT", "PAGE_SIZE")] == ["mine", "7"]


def test_a_directory_has_no_effect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").mkdir()
    load_env_file(tmp_path / ".env")
    assert capsys.readouterr().err == f"pin-exporter: {tmp_path}/.env: has no effect: it is a directory\n"


@pytest.mark.parametrize("content", NOT_TEXT)
def test_a_file_that_is_not_text_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match="not UTF-8 text") as caught:
        load_env_file(tmp_path / ".env")
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__
