import pytest

from pin_exporter.config.accounts import Account, accounts_of
from pin_exporter.config.settings import FIXED_AT_START, AccountEntry, AccountSettings, Settings


def test_every_setting_is_described() -> None:
    fields = {**Settings.model_fields, **AccountEntry.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []


def test_an_account_has_each_account_setting_with_its_default() -> None:
    """No other place of the code lists them."""
    (account,) = accounts_of(Settings.model_validate({"api_key": "k", "secret_key": "s"}))
    assert Account.model_fields.keys() == AccountSettings.model_fields.keys() | {"name", "credentials"}
    assert account == Account(name="default", credentials=account.credentials)


def test_what_is_no_account_setting_needs_a_restart() -> None:
    assert "web_config_file" in FIXED_AT_START
    assert not FIXED_AT_START & {*AccountSettings.model_fields, "accounts", "api_key", "account"}


def test_the_constructor_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_EXPORTER_ACCOUNT", "from-environment")
    assert Settings().account == "default"


def test_neither_settings_nor_accounts_show_their_keys() -> None:
    entry = {"name": "a", "api_key": "s3cret-c", "secret_key": "s3cret-d"}
    given = {"api_key": "s3cret-a", "secret_key": "s3cret-b", "proxy_url": "http://u:s3cret-e@h:1"}
    settings = Settings.model_validate({**given, "accounts": [entry]})
    assert "s3cret" not in f"{settings} {settings!r} {settings.model_dump()} {list(accounts_of(settings))}"
