import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pin_exporter.config.accounts import accounts_of
from pin_exporter.config.dotenv import EnvFile
from pin_exporter.config.loader import load_settings, load_web_settings, load_with_sources, web_config_path
from pin_exporter.config.settings import Settings
from pin_exporter.toolkit.errors import SettingsError
from tests.support.environment import set_variables

KEYS = {"api_key": "k3y", "secret_key": "s3cr3t"}
GOOD = "api_key: k\nsecret_key: s\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def load(path: Path, content: str, **flags: object) -> Settings:
    path.write_text(content)
    return load_settings({"config_file": str(path), **flags})


def problems(path: Path | None = None, content: str = "", **flags: object) -> list[str]:
    """Return the problems, with the file's path made short."""
    with pytest.raises(SettingsError) as caught:
        load(path, content, **flags) if path else load_settings(flags)
    assert not any("\n" in problem for problem in caught.value.problems)
    return [problem.replace(str(path), "config.yml") for problem in caught.value.problems]


def places(lines: list[str]) -> list[str]:
    """Return where each problem is: a flag, a variable, or a line and name of the file."""
    return [": ".join(line.split(": ")[: 2 if line.startswith("config.yml") else 1]) for line in lines]


def test_flags_take_precedence_over_the_environment_the_file_and_the_defaults(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, log_level="warning", log_format="logfmt", config_file="/nowhere")
    settings = load(
        path, f"{GOOD}log_level: error\nlog_format: json\nweb_telemetry_path: /file\n", log_level="debug"
    )
    assert (settings.log_level, settings.log_format) == ("debug", "logfmt")
    assert (settings.web_telemetry_path, settings.poll_interval) == ("/file", 60)
    set_variables(monkeypatch, config_file=str(path))
    assert load_settings({}).web_telemetry_path == "/file"


def test_an_empty_value_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, poll_interval="", api_key="", config_file="")
    settings = load(
        path, f"{GOOD}poll_interval: 2m\nrequest_timeout:\nsize_limit: ~\nstale_after: 1h\naccounts:\n"
    )
    assert (settings.poll_interval, settings.request_timeout, settings.size_limit) == (120, 30, None)
    entry = "accounts:\n- {name: a, api_key: k, secret_key: s, stale_after: ~}\n"
    (account,) = accounts_of(load(path, f"stale_after: 1h\n{entry}"))
    assert account.stale_after == 3_600


def test_paths_in_the_file_are_relative_to_its_folder_and_others_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("folder/config.yml").write_text(
        "secret_key_file: in-file\nweb_config_file: web.yml\naccounts:\n"
        "- {name: a, api_key_file: in-file, secret_key_file: /absolute}\n"
    )
    set_variables(monkeypatch, api_key_file="in-variable")
    settings = load_settings({"config_file": "folder/config.yml"})
    assert (settings.api_key_file, settings.secret_key_file) == (Path("in-variable"), Path("folder/in-file"))
    assert settings.web_config_file == Path("folder/web.yml")
    assert settings.accounts[0].api_key_file == Path("folder/in-file")
    assert settings.accounts[0].secret_key_file == Path("/absolute")


def test_all_problems_are_reported_at_once_in_the_order_of_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, poll_interval="soon", secret_key="two words")
    content = """\
page_size: 5
polling_interval: 5m
accounts:
  - name: one
    api_key: k
  - name: bad name
    api_key: k
    secret_key: s
    page_sise: 100
    requests_per_minute: many
  - just text
"""
    lines = problems(path, content, log_level="loud")
    assert sorted(places(lines[:4])) == [
        "--log.level",
        "PIN_EXPORTER_POLL_INTERVAL",
        "PIN_EXPORTER_SECRET_KEY",
        "PIN_EXPORTER_SECRET_KEY",
    ]
    assert places(lines[4:]) == [
        "config.yml:1: page_size",
        "config.yml:2: polling_interval",
        "config.yml:4: accounts[0]",
        "config.yml:6: accounts[1].name",
        "config.yml:9: accounts[1].page_sise",
        "config.yml:10: accounts[1].requests_per_minute",
        "config.yml:11: accounts[2]",
    ]
    assert "did you mean poll_interval?" in lines[5]
    assert "did you mean page_size?" in lines[8]


def test_a_value_that_a_flag_overrides_is_not_checked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, log_level="loud", **KEYS)
    assert load(path, "log_level: louder\n", log_level="info").log_level == "info"


@pytest.mark.parametrize(
    "name", ["_env_file", "_cli_parse_args", "__pydantic_self__", "self", "model_config", "<<"]
)
def test_a_name_that_means_something_to_the_library_is_just_unknown(path: Path, name: str) -> None:
    assert places(problems(path, f"{GOOD}'{name}': x\n")) == [f"config.yml:3: {name}"]


@pytest.mark.parametrize("name", ["api_key:{}", 'secret_key:"{}"', "{}", "proxy_url:http://u:{}@h:1"])
def test_a_key_that_has_become_part_of_a_name_is_not_shown(path: Path, name: str) -> None:
    lines = problems(path, f"accounts:\n- {{name: a, {name.format('Zq7Wm4Xk')}, secret_key: s}}\n")
    assert len([line for line in lines if "…: is not a setting" in line]) == 1
    assert "Zq7Wm4Xk" not in "".join(lines)


def test_a_very_long_name_is_shortened(path: Path) -> None:
    (line,) = problems(path, f"{GOOD}? {'poll_' * 100_000}\n: 1\n")
    assert line.startswith(f"config.yml:3: {'poll_' * 15}poll…: ")


def test_without_an_account_the_ways_to_configure_one_are_named(path: Path) -> None:
    (line,) = problems()
    assert line.startswith("no account: ")
    for way in ("API_KEY", "SECRET_KEY", "API_KEY_FILE", "SECRET_KEY_FILE"):
        assert f"PIN_EXPORTER_{way}" in line.replace(",", "").split()
    assert "--config.file" in line


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ("poll_interval: 60s\n", "config.yml: no account: "),
        ("", "config.yml: no account, the file is empty: "),
        ("# api_key: k\n", "config.yml: no account, the file is empty: "),
        ("log_level: info\naccounts: []\n", "config.yml:2: accounts: is empty: "),
        ("accounts:\n", "config.yml:1: accounts: is empty: "),
    ],
)
def test_a_file_without_an_account_is_told_what_to_add(
    path: Path, content: str, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = problems(path, content)
    assert line.startswith(start)
    assert "--config.file" not in line
    set_variables(monkeypatch, **KEYS)
    assert load(path, content).account == "default"


@pytest.mark.parametrize("content", ["accounts: text\n", "accounts: {name: a}\n"])
def test_accounts_must_be_a_list(path: Path, content: str) -> None:
    (line,) = problems(path, content)
    assert line.startswith("config.yml:1: accounts: must be a list")


def test_some_settings_have_one_place_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places(problems(path, f"{GOOD}config_file: other.yml\n")) == ["config.yml:3: config_file"]
    set_variables(monkeypatch, accounts=json.dumps([{"name": "a", **KEYS}]), **KEYS)
    assert set(places(problems())) == {"PIN_EXPORTER_ACCOUNTS"}


def test_problems_of_shards_are_where_the_values_are(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places(problems(path, GOOD, shard="5", total_shards="3")) == ["--shard"]
    assert places(problems(path, f"{GOOD}total_shards: 3\n")) == ["config.yml:3: total_shards"]
    set_variables(monkeypatch, shard="pin-exporter-6c7b9-x2x2x")
    assert places(problems(path, GOOD, total_shards="0")) == ["PIN_EXPORTER_SHARD", "--total-shards"]


SECRET = "Zq7Wm4XkPd9"
WRONG = st.sampled_from(
    ["", " ", "\n", "\x00", "é", "\u2028", "#", ": ", "'", '"', "x" * 4_097, "/", "%", "*", "[", "{"]
)


@given(before=WRONG, after=WRONG, name=st.sampled_from(sorted(Settings.model_fields)), in_list=st.booleans())
@example(before="", after="", name="secret_key_file", in_list=False)
@example(before="", after="", name="base_url", in_list=True)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_problem_shows_a_value_of_the_file(
    before: str, after: str, name: str, in_list: bool, path: Path
) -> None:
    values: dict[str, object] = {name: f"{before}{SECRET}{SECRET}{after}"}
    if in_list:
        values = {"accounts": [values, values, values[name], [values], {"name": values}]}
    shown = ""
    try:
        load(path, json.dumps(values, ensure_ascii=True))
    except SettingsError as error:
        shown = f"{error} {error!r} {error.__cause__!r} {error.problems}"
    assert SECRET not in shown


@given(
    before=WRONG.filter(lambda text: "\x00" not in text), after=WRONG.filter(lambda text: "\x00" not in text)
)
@pytest.mark.parametrize(
    "name", ["api_key", "secret_key", "api_key_file", "secret_key_file", "accounts", "base_url"]
)
def test_no_problem_shows_a_value_of_the_environment(name: str, before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        set_variables(patch, **{name: f"{before}{SECRET}{after}"})
        with pytest.raises(SettingsError) as caught:
            load_settings({})
    assert SECRET not in f"{caught.value} {caught.value.__cause__!r}"


def test_the_error_does_not_lead_to_the_librarys_own(path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(path, f"api_key: [{SECRET}]\nsecret_key: {SECRET} {SECRET}\npoll_interval: {SECRET}\n")
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_web_settings_need_no_account_and_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, log_format="json", log_level="error", api_key="k", poll_interval="nonsense")
    path.write_text("page_size: many\nweb_config_file: web.yml\nlog_format: logfmt\n")
    flags = {"log_level": "debug", "config_file": str(path)}
    settings = load_web_settings(flags)
    assert (settings.log_format, settings.log_level, settings.api_key) == ("json", "debug", None)
    assert settings.web_config_file is None
    assert web_config_path(flags) == path.parent / "web.yml"
    assert web_config_path({}) is None


def test_wrong_web_settings_are_reported_with_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, log_format="xml")
    with pytest.raises(SettingsError) as caught:
        load_web_settings({"web_telemetry_path": "metrics"})
    assert sorted(places(list(caught.value.problems))) == ["--web.telemetry-path", "PIN_EXPORTER_LOG_FORMAT"]


def test_paths_in_a_pipe_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"{api_key_file: key, secret_key_file: /abs, accounts: []}")
    os.close(writing)
    try:
        settings = load_settings({"config_file": f"/dev/fd/{reading}"})
    finally:
        os.close(reading)
    assert (settings.api_key_file, settings.secret_key_file) == (Path("key"), Path("/abs"))


def test_a_problem_with_a_variable_of_an_env_file_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, page_size="1", log_level="loud", **KEYS)
    with pytest.raises(SettingsError) as caught:
        load_with_sources({}, EnvFile(frozenset(["PIN_EXPORTER_PAGE_SIZE"])))
    assert sorted(places(list(caught.value.problems))) == [
        "PIN_EXPORTER_LOG_LEVEL",
        "PIN_EXPORTER_PAGE_SIZE in .env",
    ]
