"""The reference of settings, the example of a config file and its schema, held against the code."""

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

from dev.settings.documents import EXAMPLE, README, REFERENCE, SCHEMA, documents
from dev.settings.schema import NOT_IN_FILE
from pin_exporter.commands.cli import main
from pin_exporter.config.accounts import accounts_of
from pin_exporter.config.loader import load_settings
from pin_exporter.config.names import FLAGS
from pin_exporter.config.settings import ACCOUNT_KEYS, AccountEntry, Settings
from pin_exporter.toolkit.errors import SettingsError
from tests.support.certificates import Authority
from tests.support.config_files import config_files
from tests.support.environment import clean

NEED_OTHERS = ACCOUNT_KEYS | {"client_key_file", "gateway_token_file", "shard"}
"""Settings that need others beside them."""
KEYS = {"api_key": "k", "secret_key": "s"}
SHAPE: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SHAPE)


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


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_document_agrees_with_the_settings(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == documents()[path], "run `make settings`"


def test_every_setting_is_documented() -> None:
    """Or the comments are gone by which `make settings` finds its tables."""
    rows = {
        path: re.findall(r"^\| `(\w+)` \|", path.read_text(), re.MULTILINE) for path in (REFERENCE, README)
    }
    assert sorted(rows[REFERENCE]) == sorted(Settings.model_fields)
    assert {"api_key", "poll_interval"} <= set(rows[README])
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = [*yaml.safe_load(text), *re.findall(r"^#(\w+): ", text, re.MULTILINE)]
    assert sorted(shown) == sorted(Settings.model_fields.keys() - NOT_IN_FILE)
    assert SHAPE["properties"].keys() == Settings.model_fields.keys() - NOT_IN_FILE
    assert SHAPE["properties"]["accounts"]["items"]["properties"].keys() == AccountEntry.model_fields.keys()


def test_serve_has_the_flags_of_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = set(re.findall(r"^  (--[a-z.-]+)", capsys.readouterr().out, re.MULTILINE))
    assert shown - {"--config.check", "--or-demo"} == {flag.name for flag in FLAGS.values()}


def test_editors_find_the_schema_of_the_example() -> None:
    first = EXAMPLE.read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"
    assert EXAMPLE.parent == SCHEMA.parent
    Draft7Validator.check_schema(SHAPE)


def test_the_example_loads_and_fits_the_schema(secrets: Path, tmp_path: Path) -> None:
    settings = load(tmp_path / "config.yml", example(secrets))
    assert [account.name for account in accounts_of(settings)] == ["production", "backups"]
    assert not list(VALIDATOR.iter_errors(yaml.safe_load(example(secrets))))


def test_each_line_that_is_commented_out_can_be_put_in(secrets: Path, tmp_path: Path) -> None:
    text = example(secrets)
    for name in re.findall(r"^#(\w+): ", text, re.MULTILINE):
        changed = re.sub(rf"^#({name}: )", r"\1", text, flags=re.MULTILINE)
        assert not list(VALIDATOR.iter_errors(yaml.safe_load(changed))), name
        if name not in NEED_OTHERS:
            before, after = (load(tmp_path / "config.yml", each) for each in (text, changed))
            assert not getattr(before, name), name
            assert getattr(after, name) is not None, name


GOOD: list[dict[str, Any]] = [
    {},
    {**KEYS, "poll_interval": 60, "requests_per_minute": "60"},
    {**KEYS, "poll_interval": "60"},
    {**KEYS, "poll_interval": "1h30m"},
    {**KEYS, "poll_interval": None, "stale_after": None, "log_level": None, "accounts": None},
    {**KEYS, "size_limit": 500},
    {**KEYS, "size_limit": "1.5 TiB"},
    {**KEYS, "size_limit": 0.6},
    {**KEYS, "web_telemetry_path": "/-metrics"},
    {"api_key": " k ", "secret_key": 1.5},
    {**KEYS, "web_enable_lifecycle": "Yes", "log_level": "WARN"},
    {**KEYS, "web_enable_lifecycle": True},
    {**KEYS, "web_listen_address": ":1, [::1]:2"},
    {**KEYS, "web_listen_address": [":1"], "proxy_url": "direct"},
    {
        "accounts": [
            {"name": 7, **KEYS, "poll_interval": None},
            {"name": "b", **KEYS, "proxy_url": "http://a:b@c:1", "read_timeout": 1},
        ]
    },
]
BAD: list[object] = [
    [],
    "text",
    {"poll_intervall": 60},
    {"unknown": None},
    {"config_file": "other.yml"},
    *({"poll_interval": value} for value in ("a minute", 0, 90_000, True)),
    *({"requests_per_minute": value} for value in (1, 1.5, "many")),
    {"page_size": [100]},
    *({"size_limit": value} for value in ("big", 0, -1)),
    *({"web_enable_lifecycle": value} for value in ("maybe", 2)),
    {"log_level": "loud"},
    {"log_format": {}},
    *({"web_telemetry_path": value} for value in ("metrics", "/-/metrics", 1)),
    *({"web_listen_address": value} for value in ("10242", [], ["10242"])),
    *({"base_url": value} for value in ("api.example", True)),
    *({"api_key": value} for value in ("two words", "")),
    {"proxy_url": "socks5://127.0.0.1:1"},
    {"account": "a b"},
    {"accounts": {"name": "a"}},
    {"accounts": [{"api_key": "k"}]},
    {"accounts": [{"name": "a", "log_level": "info"}]},
    {"accounts": [{"name": "a", "pol_interval": "5m"}]},
    {"accounts": [["a"]]},
]


@pytest.mark.parametrize("values", GOOD, ids=json.dumps)
def test_a_good_file_fits_the_schema(values: dict[str, Any], tmp_path: Path) -> None:
    assert not list(VALIDATOR.iter_errors(values))
    if values:
        load(tmp_path / "config.yml", json.dumps(values))


@pytest.mark.parametrize("values", BAD, ids=json.dumps)
def test_a_bad_file_does_not_fit_the_schema(values: object, tmp_path: Path) -> None:
    assert list(VALIDATOR.iter_errors(values))
    more = {**KEYS, **values} if isinstance(values, dict) and "accounts" not in values else values
    with pytest.raises(SettingsError):
        load(tmp_path / "config.yml", json.dumps(more))


@given(values=config_files() | config_files(good=True))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_loader_accepts_fits_the_schema(values: dict[str, Any], tmp_path: Path) -> None:
    try:
        load(tmp_path / "config.yml", json.dumps(values))
    except SettingsError:
        return
    assert not list(VALIDATOR.iter_errors(values))


@given(data=st.data())
def test_generated_files_are_often_good(data: st.DataObject) -> None:
    """Without this, the test above could pass by never seeing a file that loads."""
    values = data.draw(config_files(good=True))
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        known = {name: value for name, value in values.items() if value is not None}
        settings = Settings(**{**known, "accounts": tuple(values["accounts"])})
    assert settings.accounts or settings.api_key
