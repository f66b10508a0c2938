"""The schema of the configuration file, and the example: held against each other and against the loader."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from dev.schema.generate import NOT_IN_FILE, SCHEMA, schema_json
from pin_exporter.config.accounts import accounts_of
from pin_exporter.config.loader import load_settings
from pin_exporter.config.settings import AccountSettings, Settings
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.units import parse_duration
from tests.support.certificates import Authority
from tests.support.config_files import ACCOUNT_SETTINGS, SETTINGS, config_files
from tests.support.environment import clean

EXAMPLE = SCHEMA.parent / "config.example.yml"
ALONE = {"account", "api_key", "api_key_file", "secret_key", "secret_key_file", "client_key_file"}
KEYS = {"api_key": "k", "secret_key": "s"}
SHAPE: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SHAPE)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clean(monkeypatch)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with every file that the example names."""
    folder = tmp_path_factory.mktemp("secrets")
    for name in re.findall(r"/run/secrets/(\S+-key)$", EXAMPLE.read_text(), re.MULTILINE):
        (folder / name).write_text(f"key-of-{name}")
    authority = Authority(folder, "ca")
    pair = authority.issue("client")
    (folder / "client-key.pem").write_bytes(pair.key.read_bytes())
    (folder / "client.pem").write_bytes(pair.both.read_bytes())
    return folder


def load(path: Path, content: str) -> Settings:
    path.write_text(content, encoding="utf-8")
    return load_settings({"config_file": str(path)})


def example(secrets: Path) -> str:
    return EXAMPLE.read_text(encoding="utf-8").replace("/run/secrets", str(secrets))


def test_the_schema_is_what_the_generator_makes() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_json(), "run `make schema`"


def test_the_schema_knows_every_setting_that_the_file_can_hold() -> None:
    Draft7Validator.check_schema(SHAPE)
    properties = SHAPE["properties"]
    assert properties.keys() == Settings.model_fields.keys() - NOT_IN_FILE
    assert properties["accounts"]["items"]["properties"].keys() == AccountSettings.model_fields.keys()
    described = [*properties.values(), *properties["accounts"]["items"]["properties"].values()]
    assert all(each["description"] for each in described)


def test_the_example_begins_with_its_schema_for_editors() -> None:
    first = EXAMPLE.read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"
    assert EXAMPLE.parent == SCHEMA.parent


def test_the_example_loads_and_fits_the_schema(secrets: Path, tmp_path: Path) -> None:
    settings = load(tmp_path / "config.yml", example(secrets))
    assert [account.name for account in accounts_of(settings)] == ["production", "backups"]
    assert not list(VALIDATOR.iter_errors(yaml.safe_load(example(secrets))))


def test_the_example_shows_each_setting_of_the_file_once_with_its_default_or_commented_out() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = yaml.safe_load(text)
    commented = re.findall(r"^#(\w+): ", text, re.MULTILINE)
    assert sorted([*shown, *commented]) == sorted(Settings.model_fields.keys() - NOT_IN_FILE)
    for name, value in shown.items():
        if name == "accounts":
            continue
        default = Settings.model_fields[name].default
        given = parse_duration(value) if isinstance(default, float) else value
        assert given == (list(default) if isinstance(default, tuple) else default), name
    for name in commented:
        default = Settings.model_fields[name].default
        assert default is None or f"#{name}: {default}\n" in text, name


def test_each_line_that_is_commented_out_can_be_put_in(secrets: Path, tmp_path: Path) -> None:
    text = example(secrets)
    for name in re.findall(r"^#(\w+): ", text, re.MULTILINE):
        changed = re.sub(rf"^#({name}: )", r"\1", text, flags=re.MULTILINE)
        assert not list(VALIDATOR.iter_errors(yaml.safe_load(changed))), name
        if name not in ALONE:
            before, after = (load(tmp_path / "config.yml", each) for each in (text, changed))
            assert getattr(before, name) is None, name
            assert getattr(after, name) is not None, name


GOOD: list[dict[str, Any]] = [
    {},
    KEYS,
    {"api_key": 123456, "secret_key": "s"},
    {**KEYS, "poll_interval": 60},
    {**KEYS, "poll_interval": "60"},
    {**KEYS, "poll_interval": "1h30m"},
    {**KEYS, "requests_per_minute": "60"},
    {**KEYS, "stale_after": None},
    {**KEYS, "size_limit": 500},
    {**KEYS, "size_limit": "1.5 TiB"},
    {**KEYS, "size_limit": 0.5},
    {**KEYS, "web_telemetry_path": "/-metrics"},
    {"api_key": " k ", "secret_key": 1.5},
    {**KEYS, "web_enable_lifecycle": "Yes"},
    {**KEYS, "web_enable_lifecycle": True},
    {**KEYS, "log_level": "WARNING"},
    {**KEYS, "web_listen_address": ":1, [::1]:2"},
    {**KEYS, "web_listen_address": [":1"]},
    {**KEYS, "proxy_url": "direct"},
    {
        "accounts": [
            {"name": 7, **KEYS},
            {"name": "b", **KEYS, "proxy_url": "http://a:b@c:1", "read_timeout": 1},
        ]
    },
]
BAD: list[object] = [
    [],
    "text",
    {"poll_intervall": 60},
    {"config_file": "other.yml"},
    {"poll_interval": "a minute"},
    {"poll_interval": None},
    {"poll_interval": 0},
    {"poll_interval": 90_000},
    {"poll_interval": True},
    {"requests_per_minute": 1},
    {"requests_per_minute": 1.5},
    {"requests_per_minute": "many"},
    {"page_size": [100]},
    {"size_limit": "big"},
    {"web_enable_lifecycle": "maybe"},
    {"log_level": "loud"},
    {"log_format": {}},
    {"web_enable_lifecycle": 2},
    {"web_telemetry_path": "metrics"},
    {"web_telemetry_path": "/-/metrics"},
    {"web_telemetry_path": 1},
    {"web_listen_address": "10242"},
    {"web_listen_address": []},
    {"web_listen_address": ["10242"]},
    {"base_url": "api.example"},
    {"base_url": True},
    {"api_key": "two words"},
    {"api_key": ""},
    {"proxy_url": "socks5://127.0.0.1:1"},
    {"account": "a b"},
    {"accounts": {"name": "a"}},
    {"accounts": [{"api_key": "k"}]},
    {"accounts": [{"name": "a", "log_level": "info"}]},
    {"accounts": [{"name": "a", "pol_interval": "5m"}]},
    {"accounts": [["a"]]},
]


@pytest.mark.parametrize("values", GOOD, ids=json.dumps)
def test_good_files_fit_the_schema(values: dict[str, Any], tmp_path: Path) -> None:
    assert not list(VALIDATOR.iter_errors(values))
    if values:
        load(tmp_path / "config.yml", json.dumps(values))


@pytest.mark.parametrize("values", BAD, ids=json.dumps)
def test_bad_files_do_not_fit_the_schema(values: object, tmp_path: Path) -> None:
    assert list(VALIDATOR.iter_errors(values))
    more = {**KEYS, **values} if isinstance(values, dict) and "accounts" not in values else values
    with pytest.raises(SettingsError):
        load(tmp_path / "config.yml", json.dumps(more))


@given(values=config_files() | config_files(good=True))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_loader_takes_fits_the_schema(values: dict[str, Any], tmp_path: Path) -> None:
    try:
        load(tmp_path / "config.yml", json.dumps(values))
    except SettingsError:
        return
    assert not list(VALIDATOR.iter_errors(values))


@pytest.mark.parametrize(
    ("names", "strategies"),
    [(Settings.model_fields, SETTINGS), (AccountSettings.model_fields, ACCOUNT_SETTINGS)],
)
def test_made_up_files_try_every_setting(names: dict[str, object], strategies: dict[str, object]) -> None:
    assert names.keys() - NOT_IN_FILE == strategies.keys()


@given(data=st.data())
def test_made_up_files_are_often_good(data: st.DataObject) -> None:
    """Without this, the test above could pass by never seeing a file that loads."""
    values = data.draw(config_files(good=True))
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        settings = Settings(**{**values, "accounts": tuple(values["accounts"])})
    assert settings.accounts or settings.api_key
