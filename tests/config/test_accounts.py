from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from pin_exporter.api.credentials import Credentials
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.config.accounts import (
    Account,
    accounts_of,
    is_config_file_exposed,
    shard_of_values,
    warn_of_exposed_keys,
)
from pin_exporter.config.settings import Settings
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard
from tests.support.environment import set_variables
from tests.support.logged import events

KEYS = {"api_key": "k", "secret_key": "s"}


def accounts(*entries: Mapping[str, object], **top_level: object) -> list[Account]:
    return list(accounts_of(Settings.model_validate({**top_level, "accounts": entries})))


def test_the_account_of_the_top_level_comes_before_those_of_the_list() -> None:
    first, second = accounts({"name": "b", **KEYS, "api_key": "3"}, account="a", **KEYS)
    assert (first.name, first.credentials.last.api_key) == ("a", SecretStr("k"))
    assert (second.name, second.credentials.last.api_key) == ("b", SecretStr("3"))


def test_an_account_takes_from_the_top_level_what_it_does_not_have() -> None:
    own = {"name": "own", **KEYS, "poll_interval": "5m", "size_limit": "0", "page_size": "50"}
    shared, own_ = accounts({"name": "shared", **KEYS}, own, poll_interval="2m", size_limit="1GB")
    assert (shared.poll_interval, shared.size_limit, shared.page_size) == (120, 10**9, 1_000)
    assert (own_.poll_interval, own_.size_limit, own_.page_size) == (300, 0, 50)


def test_a_client_certificate_of_an_account_brings_its_own_key() -> None:
    shared, own = accounts(
        {"name": "a", **KEYS},
        {"name": "b", **KEYS, "proxy_url": "direct", "client_cert_file": "both.pem"},
        client_cert_file="cert.pem",
        client_key_file="key.pem",
        proxy_url="http://u:p@proxy:3128",
    )
    files = TlsFiles(None, Path("cert.pem"), Path("key.pem"))
    assert shared.route == Route(files, SecretStr("http://u:p@proxy:3128"))
    assert own.route == Route(TlsFiles(None, Path("both.pem")), SecretStr("direct"))


def test_keys_are_text_or_files_that_are_read_for_each_request(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("2\n")
    (account,) = accounts(api_key=" 1\n", secret_key_file=file)
    assert account.credentials.current() == Credentials(SecretStr("1"), SecretStr("2"))
    file.write_text("3")
    assert account.credentials.current() == Credentials(SecretStr("1"), SecretStr("3"))


def test_a_key_file_that_is_gone_since_the_settings_were_checked_is_a_problem_of_its_account(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match="account default: secret_key_file: cannot read the file"):
        accounts(api_key="1", secret_key_file=tmp_path / "gone")


def test_keys_that_a_proxy_can_read_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.model_validate({**KEYS, "base_url": "http://localhost:1/api"})
    polled = list(accounts_of(settings))
    warn_of_exposed_keys(settings, polled)
    assert not caplog.records
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    warn_of_exposed_keys(settings, polled)
    assert events(caplog) == ["keys_sent_unencrypted"]


@pytest.mark.parametrize(
    ("values", "shard"),
    [
        ({}, SINGLE_SHARD),
        ({"shard": "pod-2", "total_shards": "3"}, Shard(2, 3)),
        ({"shard": 2}, SINGLE_SHARD),
        ({"shard": "x", "total_shards": 3}, SINGLE_SHARD),
        ({"shard": "2", "total_shards": "three"}, SINGLE_SHARD),
        ({"shard": None, "total_shards": []}, SINGLE_SHARD),
    ],
)
def test_invalid_shard_settings_mean_a_single_shard(values: dict[str, object], shard: Shard) -> None:
    assert shard_of_values(values) == shard


@pytest.mark.parametrize(
    ("values", "mode", "events_"),
    [
        ({"accounts": [{"name": "a", **KEYS}]}, 0o644, ["config_file_exposed"]),
        (KEYS, 0o644, ["config_file_exposed"]),
        (KEYS, 0o640, []),
        ({"accounts": [{"name": "a", "api_key_file": "k", "secret_key_file": "s"}]}, 0o644, []),
    ],
)
def test_keys_in_a_config_file_that_all_users_can_read_are_warned_of(
    values: dict[str, object],
    mode: int,
    events_: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "config.yml"
    path.write_text("")
    path.chmod(mode)
    settings = Settings.model_validate({**values, "config_file": path})
    warn_of_exposed_keys(settings, [])
    assert events(caplog) == events_
    set_variables(monkeypatch, api_key="k", secret_key="s")  # then those of the top level are from there
    assert is_config_file_exposed(settings) is bool(events_ and settings.accounts)
