from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from pin_exporter.api.credentials import Credentials
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.config.accounts import Account, accounts_of, warn_of_exposed_keys
from pin_exporter.config.dotenv import EnvFile
from pin_exporter.config.loader import load_with_sources
from pin_exporter.config.settings import Settings
from pin_exporter.config.sources import Sources
from pin_exporter.toolkit.errors import SettingsError
from tests.support.environment import set_variables
from tests.support.logged import events

KEYS = {"api_key": "k", "secret_key": "s"}
# Of three shards, `default` and `production` belong to the last, `archive` to the first.
SHARDS = [({"shard": 2, "total_shards": 3}, ["production"]), ({"shard": 0, "total_shards": 3}, ["archive"])]


def accounts(*entries: Mapping[str, object], **top_level: object) -> list[Account]:
    return accounts_of(Settings.model_validate({**top_level, "accounts": entries}))


def test_an_account_takes_from_the_top_level_what_it_does_not_have() -> None:
    own = {"name": "own", **KEYS, "poll_interval": "5m", "size_limit": "1", "page_size": "50"}
    top, shared, own_ = accounts(
        {"name": "shared", **KEYS}, own, account="a", **KEYS, poll_interval="2m", size_limit="1GB"
    )
    assert [each.name for each in (top, shared, own_)] == ["a", "shared", "own"]
    assert (shared.poll_interval, shared.size_limit, shared.page_size) == (120, 10**9, 1_000)
    assert (own_.poll_interval, own_.size_limit, own_.page_size) == (300, 1, 50)


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


def test_every_key_file_that_cannot_be_read_is_reported_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yml"
    entry = "{name: a, api_key_file: nowhere, secret_key_file: config.yml}"
    config.write_text(f"secret_key: s\naccounts:\n- {entry}\n")
    set_variables(monkeypatch, api_key_file="/nowhere")
    env_file = EnvFile(frozenset(["PIN_EXPORTER_API_KEY_FILE"]))
    settings, sources = load_with_sources({"config_file": str(config)}, env_file)
    with pytest.raises(SettingsError) as caught:
        accounts_of(settings, sources=sources)
    gone = "cannot read the file: No such file or directory"
    top, missing, wrong = caught.value.problems
    assert top == f"PIN_EXPORTER_API_KEY_FILE in .env: {gone}"
    assert missing == f"{config}:3: accounts[0].api_key_file: {gone}"
    assert wrong.startswith(f"{config}:3: accounts[0].secret_key_file: the file contains no valid key: ")


@pytest.mark.parametrize(("shard", "names"), SHARDS)
def test_a_shard_has_its_accounts_and_reads_no_files_of_others(
    shard: dict[str, object], names: list[str]
) -> None:
    other = {"archive", "production"} - set(names)
    entries: list[dict[str, object]] = [{"name": name, **KEYS} for name in names]
    entries += [{"name": name, "api_key_file": "/nowhere", "secret_key": "s"} for name in other]
    assert [account.name for account in accounts(*entries, **shard)] == names


def test_keys_that_a_proxy_can_read_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.model_validate({**KEYS, "base_url": "http://localhost:1/api"})
    polled = accounts_of(settings)
    warn_of_exposed_keys(settings, Sources(), polled)
    assert not caplog.records
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    warn_of_exposed_keys(settings, Sources(), polled)
    assert events(caplog) == ["keys_sent_unencrypted"]


ENTRY = "accounts: [{name: a, api_key: k, secret_key: s}]"
SECRET_IN_ENV_FILE = EnvFile(frozenset(["PIN_EXPORTER_SECRET_KEY"]), is_exposed=True)


@pytest.mark.parametrize(
    ("content", "variables", "mode", "is_exposed"),
    [
        (ENTRY, {}, 0o644, True),
        (ENTRY, KEYS, 0o644, True),
        (ENTRY, {}, 0o640, False),
        ("{api_key: k, secret_key: s}", {}, 0o644, True),
        ("{api_key: k, secret_key: s}", KEYS, 0o644, False),
        ("accounts: [{name: a, api_key_file: key, secret_key_file: key}]", {}, 0o644, False),
    ],
)
def test_keys_in_a_config_file_that_all_users_can_read_are_warned_of(
    content: str,
    variables: dict[str, str],
    mode: int,
    is_exposed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "config.yml"
    path.write_text(content)
    path.chmod(mode)
    set_variables(monkeypatch, **variables)
    warn_of_exposed_keys(*load_with_sources({"config_file": str(path)}), [])
    assert events(caplog) == ["config_file_exposed"] * is_exposed
    assert [vars(record)["file"] for record in caplog.records] == [str(path)] * is_exposed


@pytest.mark.parametrize(
    ("env_file", "is_exposed"),
    [
        (SECRET_IN_ENV_FILE, True),
        (SECRET_IN_ENV_FILE._replace(is_exposed=False), False),
        (SECRET_IN_ENV_FILE._replace(variables=frozenset(["PIN_EXPORTER_ACCOUNT"])), False),
    ],
)
def test_keys_in_an_env_file_that_all_users_can_read_are_warned_of(
    env_file: EnvFile, is_exposed: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_variables(monkeypatch, **KEYS)
    warn_of_exposed_keys(*load_with_sources({}, env_file), [])
    assert [vars(record)["file"] for record in caplog.records] == [".env"] * is_exposed
