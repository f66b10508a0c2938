from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pin_exporter.api.proxy_tls import TlsFiles
from pin_exporter.config.checks import joint_problems, key_problems
from pin_exporter.config.settings import Settings
from pin_exporter.config.sources import Sources

KEYS = {"api_key": "k", "secret_key": "s"}
# Of three shards, `archive` belongs to the first.
LAST = {"shard": "2", "total_shards": "3"}
FIRST = {"shard": "0", "total_shards": "3"}


def joint(**values: Any) -> list[tuple[str, str]]:
    """Return the paths of what does not fit, joined by dots, and the messages."""
    settings = Settings.model_validate(values)
    return [(".".join(map(str, problem.path)), problem.message) for problem in joint_problems(settings)]


def keys(**values: Any) -> list[tuple[str, str]]:
    return [
        (".".join(map(str, problem.path)), problem.message) for problem in key_problems(values, Sources())
    ]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, []),
        ({"total_shards": 1}, []),
        ({"shard": 0, "total_shards": 1}, []),
        ({"shard": 2, "total_shards": 3}, []),
        ({"total_shards": 3}, ["total_shards"]),
        ({"shard": 0}, ["shard"]),
        ({"shard": 3, "total_shards": 3}, ["shard"]),
    ],
)
def test_index_and_number_of_shards_must_fit(given: dict[str, int], wrong: list[str]) -> None:
    assert [path for path, _ in joint(**given)] == wrong


@pytest.mark.parametrize(
    ("top_level", "entry", "path", "words"),
    [
        ({"stale_after": "60s"}, {}, "stale_after", "60s must be longer than poll_interval"),
        ({"stale_after": "61s"}, {}, "", ""),
        ({"stale_after": "5m"}, {"poll_interval": "5m"}, "accounts.0.poll_interval", "must be shorter than"),
        ({"stale_after": "5m"}, {"stale_after": "30s"}, "accounts.0.stale_after", "must be longer than"),
        ({"stale_after": "5m"}, {"stale_after": "301s", "poll_interval": "5m"}, "", ""),
        ({"stale_after": "1.5h", "poll_interval": "12h"}, {}, "stale_after", "5400s"),
    ],
)
def test_data_must_not_expire_before_the_next_poll(
    top_level: dict[str, str], entry: dict[str, str], path: str, words: str
) -> None:
    found = joint(**top_level, accounts=[{"name": "a", **KEYS, **entry}])
    assert [at for at, _ in found] == [path] * bool(path)
    assert all(words in message for _, message in found)


def test_files_for_tls_are_checked_where_they_are_set_and_reported_once(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    entries = [{"name": "a", **KEYS}, {"name": "b", **KEYS}, {"name": "c", **KEYS, "ca_file": "/nowhere/ca"}]
    found = joint(ca_file=tmp_path / "text", client_key_file=tmp_path / "text", accounts=entries)
    assert sorted(path for path, _ in found) == ["accounts.2.ca_file", "ca_file", "client_key_file"]
    assert not [message for _, message in found if str(tmp_path) in message]


def test_a_file_that_many_accounts_share_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[TlsFiles] = []
    problems = TlsFiles.problems

    def spy(files: TlsFiles) -> Iterator[tuple[str, str]]:
        read.append(files)
        return problems(files)

    monkeypatch.setattr(TlsFiles, "problems", spy)
    entries = [{"name": f"a{number}", **KEYS} for number in range(9)]
    assert [path for path, _ in joint(accounts=entries, ca_file="/nowhere/ca.pem")] == ["ca_file"]
    assert read == [TlsFiles(Path("/nowhere/ca.pem"))]


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ({"api_key": "k"}, "api_key", "the secret key is missing: set PIN_EXPORTER_SECRET_KEY or "),
        ({"secret_key_file": "f"}, "secret_key_file", "the api key is missing: set PIN_EXPORTER_API_KEY or "),
        ({**KEYS, "api_key_file": "f"}, "api_key", "PIN_EXPORTER_API_KEY_FILE is set as well"),
        ({"api_key_file": "f", "secret_key": "s"}, "", ""),
    ],
)
@pytest.mark.parametrize("is_entry", [False, True])
def test_each_key_is_given_once_as_text_or_as_a_file(
    given: dict[str, str], path: str, words: str, is_entry: bool
) -> None:
    found = keys(accounts=[{"name": "a", **given}]) if is_entry else keys(**given)
    if is_entry:
        path = "accounts.0" if "missing" in words else f"accounts.0.{path}"
    assert [at for at, _ in found] == [path] * bool(words)
    assert all(words in message for _, message in found)


def test_names_of_accounts_are_unique() -> None:
    entries = [{"name": name, **KEYS} for name in ("a", "b", "a", "default", "a")]
    assert [path for path, _ in keys(accounts=entries, **KEYS)] == [
        f"accounts.{index}.name" for index in (2, 3, 4)
    ]


def test_a_shard_reads_no_files_of_accounts_of_others() -> None:
    archive = {"name": "archive", **KEYS, "ca_file": "/nowhere/ca.pem"}
    assert [len(joint(accounts=[archive], **shard)) for shard in (FIRST, LAST, {})] == [1, 0, 1]
