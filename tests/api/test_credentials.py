import hashlib
import logging
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pin_exporter.api.credentials import (
    MAX_KEY_LENGTH,
    Credentials,
    CredentialSource,
    checked_key,
    read_key_file,
)
from tests.support.clocks import FakeClock
from tests.support.logged import event, events
from tests.support.samples import credential_source

API_KEY = "Ab3dEf6hIj9kLm2nOp5qRs8t"
SECRET_KEY = "s3cr3tS3CR3Ts3cr3tS3CR3Ts3cr3tS3CR3Ts3cr3tx="


def pair(api_key: str = API_KEY, secret_key: str = SECRET_KEY) -> Credentials:
    return Credentials(SecretStr(api_key), SecretStr(secret_key))


@pytest.fixture
def api_file(tmp_path: Path) -> Path:
    return key_file(tmp_path / "api", b"old-api")


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    return key_file(tmp_path / "secret", b"old-secret")


def key_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_neither_key_is_shown_by_any_way_of_printing_the_pair() -> None:
    credentials = pair()
    shown = f"{credentials} {credentials!r} {credentials.api_key} {[credentials]} {credentials.fingerprint}"
    assert API_KEY not in shown
    assert SECRET_KEY not in shown


def test_the_fingerprint_identifies_the_api_key_alone() -> None:
    assert pair().fingerprint == hashlib.sha256(API_KEY.encode()).hexdigest()[:8]
    assert pair().fingerprint == pair(secret_key="another").fingerprint
    assert pair().fingerprint != pair(api_key="another").fingerprint


def test_each_secret_is_replaced_in_a_text_from_outside_and_the_rest_stays() -> None:
    credentials = replace(pair(), others=(SecretStr("pr0xyPassw0rd"),))
    shown = credentials.redact(f"keys {API_KEY}, {SECRET_KEY.lower()}; proxy pr0xyPassw0rd.")
    assert shown == "keys [redacted], [redacted]=; proxy [redacted]."


def test_in_pins_both_keys_are_looked_for_and_not_the_password_of_a_proxy() -> None:
    keys = replace(pair(), others=(SecretStr("pr0xyPassw0rd"),)).keys()
    assert [keys.is_in(text) for text in (API_KEY, SECRET_KEY, "pr0xyPassw0rd")] == [True, True, False]


@pytest.mark.parametrize(
    "content", [b"thekey", b"thekey\n", b"  thekey\r\n", b"\tthekey ", b"\xef\xbb\xbfthekey\r\n"]
)
def test_a_key_file_is_read_without_white_space_or_a_bom_around_the_key(
    tmp_path: Path, content: bytes
) -> None:
    assert read_key_file(key_file(tmp_path / "key", content)) == SecretStr("thekey")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"two words", "white space"),
        (b"s3cr3t\nS3CR3T", "several lines"),
        (b"PIN_EXPORTER_API_KEY=s3cr3t", "NAME=value"),
        (b"export secret_key='s3cr3t'", "NAME=value"),
        (b"\xef\xbb\xbfapi_key: s3cr3t\nsecret_key: s3cr3t", "NAME=value"),
        (b'{"pinning_api_key": "s3cr3t"}', "JSON"),
        (b"<your-api-code>", "placeholder"),
        (b"https://api.test/s3cr3t", "is a URL"),
        (b"-----BEGIN CERTIFICATE-----\ns3cr3t", "PEM"),
        (b" " * 3 * MAX_KEY_LENGTH + b"s3cr3t", "longer than 4096"),
        (b"nul\x00", "control"),
        (b'"in-quotes"\n', "quotation marks"),
        (b" 'in-quotes'", "quotation marks"),
        (b"x" * (MAX_KEY_LENGTH + 1), "longer than 4096"),
        (b"x" * 10**6, "longer than 4096"),
        (b"caf\xc3\xa9-key", "non-ASCII"),
        (b"\xff\xfe", "non-ASCII"),
    ],
)
def test_a_file_without_a_valid_key_is_rejected_and_not_quoted(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as caught:
        read_key_file(key_file(tmp_path / "key", content))
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, UnicodeError)
    for word in content.decode("ascii", "ignore").split():
        assert word not in str(caught.value)


def test_the_longest_key_is_read(tmp_path: Path) -> None:
    for before, after in ((b"", b""), (b"\xef\xbb\xbf", b"\r\n"), (b" " * MAX_KEY_LENGTH, b"")):
        file = key_file(tmp_path / "key", before + b"x" * MAX_KEY_LENGTH + after)
        assert read_key_file(file) == SecretStr("x" * MAX_KEY_LENGTH)


@pytest.mark.parametrize("key", ["monkey+abc/def=", "thekey==", "keykeykeykey", "a:b", "-----", "AK=IA"])
def test_a_key_that_only_resembles_something_else_is_a_key(key: str) -> None:
    assert checked_key(key) == SecretStr(key)


def test_a_missing_file_a_directory_and_a_pipe_are_reported_in_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or a device"):
        read_key_file(tmp_path / "pipe")
    with pytest.raises(ValueError, match="No such file"):
        read_key_file(tmp_path / "missing")
    with pytest.raises(ValueError, match="directory"):
        read_key_file(tmp_path)


@given(st.text(st.characters(), max_size=20))
def test_a_key_fits_into_a_header_or_is_rejected_and_not_quoted(text: str) -> None:
    try:
        key = checked_key(text).get_secret_value()
    except ValueError as error:
        problem = str(error)
        assert len(text.strip()) < 8 or text.strip() not in problem
    else:
        assert key == text.strip()
        assert re.fullmatch(r"[!-~]+", key)


def test_key_files_are_read_again_for_each_request(api_file: Path, secret_file: Path) -> None:
    source = credential_source(api_file, secret_file)
    assert source.current() == pair("old-api", "old-secret")
    api_file.write_bytes(b"new-api")
    secret_file.write_bytes(b"new-secret")
    assert source.last == pair("old-api", "old-secret")
    assert source.current() == source.last == pair("new-api", "new-secret")


@pytest.mark.parametrize("broken", [b"", b"two words", None])
def test_while_a_file_is_unreadable_the_whole_previous_pair_stays_in_use(
    api_file: Path, secret_file: Path, broken: bytes | None
) -> None:
    source = credential_source(api_file, secret_file)
    api_file.write_bytes(b"new-api")
    secret_file.unlink() if broken is None else secret_file.write_bytes(broken)
    assert source.current() == pair("old-api", "old-secret")
    secret_file.write_bytes(b"new-secret")
    assert source.current() == pair("new-api", "new-secret")


def test_one_key_may_be_text_and_the_other_a_file_which_must_be_readable_at_the_start(
    secret_file: Path,
) -> None:
    source = credential_source("fixed", secret_file)
    secret_file.write_bytes(b"new")
    assert source.current() == pair("fixed", "new")
    secret_file.unlink()
    with pytest.raises(ValueError, match=r"secret_key_file: .*No such file"):
        credential_source("fixed", secret_file)


def test_sources_are_equal_if_they_are_configured_the_same_whatever_was_read(api_file: Path) -> None:
    source = credential_source(api_file, "secret")
    api_file.write_bytes(b"new-api")
    again = credential_source(api_file, "secret", account="b")
    assert source == again
    assert hash(source) == hash(again)
    assert source != credential_source(api_file, "other")
    assert source != credential_source("old-api", "secret")


def test_each_unreadable_key_file_is_logged_by_its_setting_without_its_path_and_so_is_their_return(
    api_file: Path, secret_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    source = credential_source(api_file, secret_file)
    secret_file.unlink()
    source.current()
    api_file.write_bytes(b"")
    for _ in range(3):
        source.current()
    api_file.write_bytes(b"old-api")
    secret_file.write_bytes(b"old-secret")
    for _ in range(3):
        assert source.current() == pair("old-api", "old-secret")
    missing = "secret_key_file: cannot read the file: No such file or directory"
    assert [str(getattr(record, "error", event(record))) for record in caplog.records] == [
        missing,
        f"api_key_file: the file contains no valid key: the key is empty; {missing}",
        "key_file_readable",
    ]


def test_an_unreadable_key_file_is_logged_hourly_with_a_count_and_marks_the_pair_as_stale(
    api_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    source = CredentialSource(api_file, SecretStr("secret"), account="a", elapsed=clock.elapsed)
    assert not source.current().is_stale
    api_file.unlink()
    for _ in range(121):
        assert source.current().is_stale
        clock.now += 60
    api_file.write_text("new-api")
    assert not source.current().is_stale
    api_file.unlink()
    source.current()
    unreadable = "key_file_unreadable"
    assert events(caplog) == [unreadable, unreadable, unreadable, "keys_changed", unreadable]
    assert [vars(record).get("times") for record in caplog.records] == [1, 60, 60, None, 1]
    assert {vars(record)["account"] for record in caplog.records} == {"a"}
    assert "new-api" not in caplog.text
