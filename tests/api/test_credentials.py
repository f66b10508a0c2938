import hashlib
import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pin_exporter.api.credentials import (
    MAX_KEY_LENGTH,
    Credentials,
    KeyFile,
    ReloadingCredentials,
    checked_key,
)
from tests.support.clocks import FakeClock
from tests.support.logged import event

KEYS = st.text("abcXYZ0189+/=", min_size=12, max_size=44)
API_KEY = "Ab3dEf6hIj9kLm2nOp5qRs8t"
SECRET_KEY = "s3cr3tS3CR3Ts3cr3tS3CR3Ts3cr3tS3CR3Ts3cr3tx="


def pair(api_key: str = API_KEY, secret_key: str = SECRET_KEY) -> Credentials:
    return Credentials(SecretStr(api_key), SecretStr(secret_key))


def reread(
    api_key: SecretStr | KeyFile, secret_key: SecretStr | KeyFile, clock: FakeClock | None = None
) -> ReloadingCredentials:
    elapsed = (clock or FakeClock()).elapsed
    return ReloadingCredentials(api_key, secret_key, account="a", elapsed=elapsed)


def key_file(folder: Path, content: bytes, name: str = "key") -> KeyFile:
    path = folder / name
    path.write_bytes(content)
    return KeyFile(path)


def test_neither_key_is_shown_by_any_way_of_printing_the_pair() -> None:
    credentials = pair()
    shown = f"{credentials} {credentials!r} {credentials.api_key} {[credentials]} {credentials.fingerprint}"
    assert API_KEY not in shown
    assert SECRET_KEY not in shown


def test_the_fingerprint_tells_api_keys_apart_and_nothing_else() -> None:
    assert pair().fingerprint == hashlib.sha256(API_KEY.encode()).hexdigest()[:8]
    assert pair().fingerprint == pair(secret_key="another").fingerprint
    assert pair().fingerprint != pair(api_key="another").fingerprint


@given(KEYS, KEYS, st.lists(st.sampled_from(["api", "secret", "text", "\n", '"']), max_size=8))
def test_a_redacted_text_holds_neither_key(api_key: str, secret_key: str, parts: list[str]) -> None:
    text = " ".join({"api": api_key, "secret": secret_key}.get(part, part) for part in parts)
    redacted = pair(api_key, secret_key).redact(text)
    assert api_key not in redacted
    assert secret_key not in redacted


def test_a_key_that_begins_with_the_other_leaves_no_rest() -> None:
    assert pair("abcdef", "abcdefghij").redact("x abcdefghij abcdef y") == "x [redacted] [redacted] y"


def test_keys_are_redacted_in_any_case_and_taken_literally() -> None:
    assert pair("a+b.c*d(e", "zzzzzz").redact("A+B.C*D(E aab.c*d(e") == "[redacted] aab.c*d(e"


def test_text_without_a_key_is_left_alone() -> None:
    assert pair().redact("no such pin\n") == "no such pin\n"


@pytest.mark.parametrize("content", [b"thekey", b"thekey\n", b"  thekey\r\n", b"\tthekey "])
def test_a_key_file_is_read_without_the_white_space_around_the_key(tmp_path: Path, content: bytes) -> None:
    assert key_file(tmp_path, content).read() == SecretStr("thekey")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the key is empty"),
        (b" \n", "the key is empty"),
        (b"two words", "white space"),
        (b"two\nlines", "white space"),
        (b"nul\x00", "control"),
        (b'"in-quotes"\n', "leave the quotes out"),
        (b" 'in-quotes'", "leave the quotes out"),
        (b"x" * (MAX_KEY_LENGTH + 1), "longer than 4096"),
        (b"x" * 10**6, "longer than 4096"),
        (b"caf\xc3\xa9-key", "other than ASCII"),
        (b"\xff\xfe", "other than ASCII"),
    ],
)
def test_a_file_that_holds_no_key_is_refused_without_quoting_it(
    tmp_path: Path, content: bytes, told: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        key_file(tmp_path, content).read()
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, UnicodeError)
    for word in content.decode("ascii", "ignore").split():
        assert word not in str(caught.value)


def test_the_longest_key_is_read(tmp_path: Path) -> None:
    assert key_file(tmp_path, b"x" * MAX_KEY_LENGTH).read() == SecretStr("x" * MAX_KEY_LENGTH)


def test_a_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        KeyFile(tmp_path / "missing").read()
    with pytest.raises(ValueError, match="directory"):
        KeyFile(tmp_path).read()


@given(st.text(st.characters(), max_size=20))
def test_a_key_is_fit_for_a_header_or_refused_without_being_quoted(text: str) -> None:
    try:
        key = checked_key(text).get_secret_value()
    except ValueError as error:
        told = str(error)
        assert len(text.strip()) < 8 or text.strip() not in told
    else:
        assert key == text.strip()
        assert re.fullmatch(r"[!-~]+", key)


def test_keys_are_read_again_from_their_files_each_time(tmp_path: Path) -> None:
    api_key, secret_key = key_file(tmp_path, b"old-api", "a"), key_file(tmp_path, b"old-secret", "s")
    source = reread(api_key, secret_key)
    assert source() == pair("old-api", "old-secret")
    api_key.path.write_bytes(b"new-api")
    secret_key.path.write_bytes(b"new-secret")
    assert source() == pair("new-api", "new-secret")


@pytest.mark.parametrize("broken", [b"", b"two words", None])
def test_a_file_that_breaks_leaves_the_whole_last_pair_in_force(tmp_path: Path, broken: bytes | None) -> None:
    api_key, secret_key = key_file(tmp_path, b"old-api", "a"), key_file(tmp_path, b"old-secret", "s")
    source = reread(api_key, secret_key)
    api_key.path.write_bytes(b"new-api")
    if broken is None:
        secret_key.path.unlink()
    else:
        secret_key.path.write_bytes(broken)
    assert source() == pair("old-api", "old-secret")
    secret_key.path.write_bytes(b"new-secret")
    assert source() == pair("new-api", "new-secret")


def test_a_fixed_key_may_stand_beside_a_file(tmp_path: Path) -> None:
    file = key_file(tmp_path, b"old")
    source = reread(SecretStr("fixed"), file)
    file.path.write_bytes(b"new")
    assert source() == pair("fixed", "new")


def test_keys_that_cannot_be_read_at_the_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        reread(SecretStr("fixed"), KeyFile(tmp_path / "missing"))


def test_reading_keys_logs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        reread(key_file(tmp_path, b"key"), SecretStr("fixed"))()
    assert caplog.records == []


def test_a_key_file_that_cannot_be_read_for_a_while_is_told_once_and_so_are_new_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "key"
    path.write_text("first-key-of-all")
    source = reread(KeyFile(path), SecretStr("secret"))
    path.unlink()
    assert [source().api_key.get_secret_value() for _ in range(3)] == ["first-key-of-all"] * 3
    path.write_text("second-key-of-all")
    assert source().api_key.get_secret_value() == "second-key-of-all"
    assert [event(record) for record in caplog.records] == [
        "key_file_unreadable",
        "keys_changed",
    ]
    assert "key-of-all" not in caplog.text


def test_each_unreadable_key_file_is_told_by_its_setting_without_its_path_and_so_is_their_return(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api_key, secret_key = key_file(tmp_path, b"old-api", "a"), key_file(tmp_path, b"old-secret", "s")
    source = reread(api_key, secret_key)
    secret_key.path.unlink()
    source()
    api_key.path.write_bytes(b"")
    for _ in range(3):
        source()
    api_key.path.write_bytes(b"old-api")
    secret_key.path.write_bytes(b"old-secret")
    for _ in range(3):
        assert source() == pair("old-api", "old-secret")
    missing = "secret_key_file: cannot read the file: No such file or directory"
    told = [str(getattr(record, "error", event(record))) for record in caplog.records]
    assert told == [
        missing,
        f"api_key_file: the file holds no key: the key is empty; {missing}",
        "key_file_readable",
    ]


def test_a_key_file_that_stays_unreadable_is_told_of_hourly_with_a_count_and_marks_what_is_handed_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    path = tmp_path / "key"
    path.write_text("first-key-of-all")
    source = reread(KeyFile(path), SecretStr("secret"), clock)
    assert not source().is_stale
    path.unlink()
    for _ in range(121):
        assert source().is_stale
        clock.now += 60
    path.write_text("first-key-of-all")
    assert not source().is_stale
    path.unlink()
    source()
    told = [(vars(record)["account"], vars(record)["times"]) for record in caplog.records]
    assert told == [("a", 1), ("a", 60), ("a", 60), ("a", 1)]
