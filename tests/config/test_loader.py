import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from pin_exporter.api.credentials import Credentials
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.config.accounts import accounts_of
from pin_exporter.config.loader import load_settings, load_web_settings
from pin_exporter.config.settings import Settings
from pin_exporter.toolkit.errors import SettingsError
from tests.support.certificates import Authority
from tests.support.environment import clean, set_variables

KEYS = {"api_key": "k3y", "secret_key": "s3cr3t"}


@pytest.fixture(autouse=True)
def environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        yield patch


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


def test_flags_go_over_the_environment_over_the_file_over_the_defaults(
    path: Path, environment: pytest.MonkeyPatch
) -> None:
    content = "api_key: k\nsecret_key: s\nlog_level: error\nlog_format: json\nweb_telemetry_path: /file\n"
    set_variables(environment, log_level="warning", log_format="logfmt")

    settings = load(path, content, log_level="debug")

    assert settings.log_level == "debug"
    assert settings.log_format == "logfmt"
    assert settings.web_telemetry_path == "/file"
    assert settings.poll_interval == 60


def test_the_file_may_be_named_in_the_environment_and_a_flag_names_another(
    path: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.yml"
    path.write_text("api_key: k\nsecret_key: s\naccount: one\n")
    other.write_text("api_key: k\nsecret_key: s\naccount: other\n")
    set_variables(environment, config_file=str(path))

    assert load_settings({}).account == "one"
    assert load_settings({"config_file": str(other)}).account == "other"


def test_an_empty_variable_sets_nothing(path: Path, environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, poll_interval="", api_key="", config_file="")

    assert load(path, "api_key: k\nsecret_key: s\npoll_interval: 2m\n").poll_interval == 120


def test_keys_in_the_environment_are_enough(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, **KEYS)

    (account,) = accounts_of(load_settings({}))

    assert account.name == "default"
    assert account.credentials.current() == Credentials(SecretStr("k3y"), SecretStr("s3cr3t"))


def test_an_account_of_the_environment_joins_those_of_the_file(
    path: Path, environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, account="from-environment", **KEYS)

    settings = load(path, "accounts:\n  - {name: from-file, api_key: k, secret_key: s}\n")

    assert [account.name for account in accounts_of(settings)] == ["from-environment", "from-file"]


def test_listen_addresses_of_flags_and_variables_are_lists(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, web_listen_address="127.0.0.1:1,[::1]:2", **KEYS)

    assert load_settings({}).web_listen_address == ("127.0.0.1:1", "[::1]:2")
    assert load_settings({"web_listen_address": [":3"]}).web_listen_address == (":3",)


def test_every_problem_is_told_at_once_each_with_its_place(
    path: Path, environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, poll_interval="soon", secret_key="two words")
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

    told = problems(path, content, log_level="loud")

    assert sorted(problem.partition(" ")[0] for problem in told) == sorted(
        [
            "PIN_EXPORTER_API_KEY:",
            "PIN_EXPORTER_SECRET_KEY:",
            "config.yml:4:",
            "config.yml:2:",
            "PIN_EXPORTER_POLL_INTERVAL:",
            "config.yml:1:",
            "config.yml:6:",
            "config.yml:9:",
            "config.yml:10:",
            "config.yml:11:",
            "--log.level:",
        ]
    )
    assert "config.yml:2: polling_interval: is not a setting: did you mean poll_interval?" in told
    assert "config.yml:9: accounts[1].page_sise: is not a setting: did you mean page_size?" in told
    assert "config.yml:10: accounts[1].requests_per_minute: must be a whole number" in told
    assert "config.yml:11: accounts[2]: must be a mapping with a name and keys" in told
    assert "config.yml:4: accounts[0].secret_key: is missing: give it or secret_key_file" in told
    assert "PIN_EXPORTER_SECRET_KEY: the key contains white space, control or non-ASCII characters" in told
    assert "--log.level: must be 'debug', 'info', 'warning' or 'error'" in told


def test_a_value_that_a_flag_covers_is_not_told_of(path: Path, environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, log_level="loud", **KEYS)

    assert load(path, "log_level: louder\n", log_level="info").log_level == "info"


@pytest.mark.parametrize(
    "name", ["_env_file", "_cli_parse_args", "__pydantic_self__", "self", "model_config", "<<"]
)
def test_a_key_of_the_file_that_means_something_to_the_library_is_just_unknown(path: Path, name: str) -> None:
    (problem,) = problems(path, f"api_key: k\nsecret_key: s\n'{name}': x\n")

    assert problem.startswith(f"config.yml:3: {name}: is not a setting")


@pytest.mark.parametrize("name", ["api_key:{}", 'secret_key:"{}"', "{}", "proxy_url:http://u:{}@h:1"])
def test_a_key_that_has_become_part_of_a_name_is_not_shown(path: Path, name: str) -> None:
    told = problems(path, f"accounts:\n- {{name: a, {name.format('Zq7Wm4Xk')}, secret_key: s}}\n")

    assert len([line for line in told if "…: is not a setting" in line]) == 1
    assert "Zq7Wm4Xk" not in "".join(told)


def test_without_any_account_the_ways_to_give_one_are_told() -> None:
    (problem,) = problems()

    for way in ("PIN_EXPORTER_API_KEY", "PIN_EXPORTER_SECRET_KEY", "_FILE", "--config.file"):
        assert way in problem


@pytest.mark.parametrize("content", ["accounts: []\n", "accounts:\n", "poll_interval: 60s\n"])
def test_a_file_without_accounts_is_no_account(path: Path, content: str) -> None:
    assert problems(path, content)[0].startswith("no account: ")


@pytest.mark.parametrize("content", ["accounts: text\n", "accounts: {name: a}\n"])
def test_accounts_that_are_no_list_are_told(path: Path, content: str) -> None:
    assert problems(path, content) == [
        "config.yml:1: accounts: must be a list, whose entries begin with `- name:`"
    ]


def test_accounts_in_the_environment_belong_into_the_file(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, accounts=json.dumps([{"name": "a", **KEYS}]), **KEYS)

    assert problems()[0] == "PIN_EXPORTER_ACCOUNTS: accounts are listed in the file of --config.file"


def test_a_file_cannot_name_another(path: Path) -> None:
    content = "api_key: k\nsecret_key: s\nconfig_file: other.yml\n"

    assert problems(path, content) == ["config.yml:3: config_file: a file cannot name another"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"api_key": "k"}, ["PIN_EXPORTER_SECRET_KEY: is missing: give it or secret_key_file"]),
        ({"secret_key_file": "{file}"}, ["PIN_EXPORTER_API_KEY: is missing: give it or api_key_file"]),
        (
            {"api_key": "k", "api_key_file": "{file}", "secret_key": "s"},
            ["PIN_EXPORTER_API_KEY: api_key and api_key_file are both given: leave one out"],
        ),
        (
            {"api_key": "k", "secret_key_file": "/nowhere/key"},
            ["PIN_EXPORTER_SECRET_KEY_FILE: cannot read the file: No such file or directory"],
        ),
        (
            {"api_key": "k", "secret_key_file": "{empty}"},
            ["PIN_EXPORTER_SECRET_KEY_FILE: the file contains no valid key: the key is empty"],
        ),
        (
            {"api_key": '"k3y"', "secret_key": "s"},
            ["PIN_EXPORTER_API_KEY: the key is enclosed in quotation marks: remove them"],
        ),
        ({"api_key": " ", "secret_key": "s"}, ["PIN_EXPORTER_API_KEY: the key is empty"]),
        (
            {"api_key": "k", "secret_key": "x" * 5_000},
            ["PIN_EXPORTER_SECRET_KEY: the key is longer than 4096 characters"],
        ),
    ],
)
def test_each_key_is_given_once_as_text_or_as_a_file(
    given: dict[str, str], told: list[str], tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("k3y\n")
    (tmp_path / "empty").write_text("\n")
    places = {"file": str(tmp_path / "file"), "empty": str(tmp_path / "empty")}
    set_variables(environment, **{name: value.format(**places) for name, value in given.items()})

    assert problems() == told


def test_key_files_of_the_environment_are_enough(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        (tmp_path / name).write_text("k3y\n")
        set_variables(environment, **{f"{name}_file": str(tmp_path / name)})

    assert [account.name for account in accounts_of(load_settings({}))] == ["default"]


def test_accounts_with_the_same_name_are_told_at_each_repetition(path: Path) -> None:
    entry = "  - {{name: {}, api_key: k, secret_key: s}}\n"
    content = "accounts:\n" + "".join(entry.format(name) for name in ("a", "b", "a", "a"))

    assert problems(path, content) == [
        f"config.yml:{line}: accounts[{index}].name: another account has this name: give each its own"
        for line, index in ((4, 2), (5, 3))
    ]


def test_an_account_called_default_collides_with_that_of_the_environment(
    path: Path, environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, **KEYS)

    assert problems(path, "accounts:\n  - {name: default, api_key: k, secret_key: s}\n") == [
        "config.yml:2: accounts[0].name: another account has this name: give each its own"
    ]


def test_two_accounts_without_a_name_are_each_told_to_have_one(path: Path) -> None:
    assert problems(
        path, "accounts:\n  - {api_key: k, secret_key: s}\n  - {api_key: k, secret_key: s}\n"
    ) == [
        "config.yml:2: accounts[0].name: is missing",
        "config.yml:3: accounts[1].name: is missing",
    ]


TOO_SHORT = "must be longer than poll_interval, which is 60s"


@pytest.mark.parametrize("stale_after", ["60s", "30s"])
def test_data_must_not_vanish_before_the_next_poll(stale_after: str, environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, stale_after=stale_after, poll_interval="60s", **KEYS)

    assert problems() == [f"PIN_EXPORTER_STALE_AFTER: {stale_after} {TOO_SHORT}"]


def test_the_cadence_of_each_account_is_judged_where_it_is_set(path: Path) -> None:
    content = """\
stale_after: 5m
accounts:
  - {name: shared, api_key: k, secret_key: s}
  - {name: slow, api_key: k, secret_key: s, poll_interval: 5m}
  - {name: own, api_key: k, secret_key: s, stale_after: 30s}
  - {name: good, api_key: k, secret_key: s, stale_after: 301s, poll_interval: 5m}
"""

    told = problems(path, content)

    assert told == [
        "config.yml:4: accounts[1].poll_interval: 300s must be shorter than stale_after, which is 300s",
        f"config.yml:5: accounts[2].stale_after: 30s {TOO_SHORT}",
    ]


@pytest.mark.parametrize("content", ["", "# api_key: k\n"])
def test_a_file_that_sets_nothing_is_named_where_something_is_missing(
    content: str, path: Path, environment: pytest.MonkeyPatch
) -> None:
    told = problems(path, content)
    assert told[0] == "config.yml: sets nothing: it is empty, or holds comments only"
    assert [problem.partition(":")[0] for problem in told] == ["config.yml", "no account"]

    set_variables(environment, **KEYS)
    assert load(path, content).api_key == SecretStr("k3y")


def test_both_values_are_told_for_they_may_come_from_two_places(
    path: Path, environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, poll_interval="12h", **KEYS)

    told = problems(path, "stale_after: 1.5h\n")

    assert told == ["config.yml:1: stale_after: 5400s must be longer than poll_interval, which is 43200s"]


def test_the_cadence_is_judged_though_a_key_is_missing(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, stale_after="10s", api_key="k")

    assert problems() == [
        "PIN_EXPORTER_SECRET_KEY: is missing: give it or secret_key_file",
        f"PIN_EXPORTER_STALE_AFTER: 10s {TOO_SHORT}",
    ]


def test_stale_after_just_above_the_interval_is_taken(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, stale_after="61s", **KEYS)

    assert load_settings({}).stale_after == 61


SECRET = "Zq7Wm4XkPd9"
WRONG = st.sampled_from(
    ["", " ", "\n", "\x00", "é", "\u2028", "#", ": ", "'", '"', "x" * 4_097, "/", "%", "*", "[", "{"]
)


@given(before=WRONG, after=WRONG, name=st.sampled_from(sorted(Settings.model_fields)), in_list=st.booleans())
@example(before="", after="", name="secret_key_file", in_list=False)
@example(before="", after="", name="base_url", in_list=True)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_problem_shows_a_value_wherever_and_however_wrong_it_is(
    before: str, after: str, name: str, in_list: bool, path: Path
) -> None:
    values: dict[str, object] = {name: f"{before}{SECRET}{SECRET}{after}"}
    if in_list:
        values = {"accounts": [values, values, values[name], [values], {"name": values}]}

    told = ""
    try:
        load(path, json.dumps(values, ensure_ascii=True))
    except SettingsError as error:
        told = f"{error} {error!r} {error.__cause__!r} {error.problems}"

    assert SECRET not in told


@given(
    before=WRONG.filter(lambda text: "\x00" not in text), after=WRONG.filter(lambda text: "\x00" not in text)
)
@pytest.mark.parametrize(
    "name", ["api_key", "secret_key", "api_key_file", "secret_key_file", "accounts", "base_url"]
)
def test_no_problem_shows_a_value_of_the_environment(name: str, before: str, after: str) -> None:
    told = ""
    with pytest.MonkeyPatch.context() as patch:
        set_variables(patch, **{name: f"{before}{SECRET}{after}"})
        try:
            load_settings({})
        except SettingsError as error:
            told = f"{error} {error.__cause__!r}"

    assert told
    assert SECRET not in told


def test_the_error_does_not_lead_to_the_librarys_own(path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(path, f"api_key: [{SECRET}]\nsecret_key: {SECRET} {SECRET}\npoll_interval: {SECRET}\n")

    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_the_web_settings_need_no_account_and_leave_those_of_accounts_alone(
    environment: pytest.MonkeyPatch,
) -> None:
    set_variables(environment, log_format="json", log_level="error", api_key="k", poll_interval="nonsense")

    settings = load_web_settings({"log_level": "debug"})

    assert (settings.log_format, settings.log_level, settings.api_key) == ("json", "debug", None)


def test_wrong_web_settings_are_told_with_their_place(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, log_format="xml")

    with pytest.raises(SettingsError) as caught:
        load_web_settings({"web_telemetry_path": "metrics"})

    assert sorted(problem.partition(" ")[0] for problem in caught.value.problems) == [
        "--web.telemetry-path:",
        "PIN_EXPORTER_LOG_FORMAT:",
    ]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("socks5://127.0.0.1:9", "cannot be a SOCKS proxy"),
        ("ftp://127.0.0.1:9", "is not a proxy"),
        ("127.0.0.1:3128", "is not a proxy"),
        ("http://u:pr0xyPassw0rd/x@127.0.0.1:9", "is not a proxy"),
        ("http://u:pr0xyPassw0rd#@127.0.0.1:9", "is not a proxy"),
        ("http://u:pr0xyPassw0rd@127.0.0.1:99999", "is not a proxy"),
        ("http://u:pr0xyPassw0rd@/", "is not a proxy"),
        ("http://pr0xy Passw0rd:9", "is not a proxy"),
        ("Direct", "is not a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_one_is_told_where_it_stands_and_without_its_password(
    url: str, told: str, path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(path, json.dumps({"api_key": "k", "secret_key": "s", "proxy_url": url}))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:1: proxy_url: {told}")
    assert "Passw0rd" not in problem


def test_a_file_for_tls_is_judged_where_it_is_set_and_told_of_once(path: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    keys = "api_key: k, secret_key: s"
    with pytest.raises(SettingsError) as caught:
        load(
            path,
            f"ca_file: {tmp_path}/text\nclient_key_file: {tmp_path}/text\naccounts:\n- {{name: a, {keys}}}\n"
            f"- {{name: b, {keys}}}\n- {{name: c, ca_file: {tmp_path}/missing, {keys}}}\n",
        )
    assert list(caught.value.problems) == [
        f"{path}:2: client_key_file: requires client_cert_file",
        f"{path}:1: ca_file: the file contains no PEM certificates",
        f"{path}:6: accounts[2].ca_file: cannot read the file: No such file or directory",
    ]
    assert str(tmp_path / "text") not in str(caught.value)


def test_an_account_takes_the_top_levels_route_and_brings_the_key_of_its_own_certificate(
    path: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    shared, own = authority.issue("shared"), authority.issue("own")
    keys = "api_key: k, secret_key: s"
    settings = load(
        path,
        f"proxy_url: http://u:p@proxy:3128\nread_timeout: 5s\nclient_cert_file: {shared.certificate}\n"
        f"client_key_file: {shared.key}\naccounts:\n- {{name: a, {keys}}}\n"
        f"- {{name: b, proxy_url: direct, client_cert_file: {own.both}, connect_timeout: 1m, {keys}}}\n",
    )
    a, b = accounts_of(settings)
    assert a.route == Route(
        TlsFiles(None, shared.certificate, shared.key), SecretStr("http://u:p@proxy:3128")
    )
    assert b.route == Route(TlsFiles(None, own.both), SecretStr("direct"))
    assert [(each.connect_timeout, each.read_timeout) for each in (a, b)] == [(10, 5), (60, 5)]


def test_a_setting_with_an_endless_name_is_told_of_briefly(path: Path) -> None:
    told = problems(path, f"api_key: k\nsecret_key: s\n? {'poll_' * 100_000}\n: 1\n")
    assert told == [f"config.yml:3: {'poll_' * 16}…: is not a setting"]


# Of three shards, `default` and `production` belong to the last, `archive` to the first.
SHARDED = """\
accounts:
  - {name: production, api_key_file: /nowhere/a, secret_key: s}
  - {name: archive, api_key: k, secret_key: s}
"""


def test_a_shard_reads_no_key_file_of_another_and_has_its_own_accounts(path: Path) -> None:
    first = load(path, SHARDED, shard="pin-exporter-0", total_shards="3")

    assert [account.name for account in accounts_of(first)] == ["archive"]
    assert list(accounts_of(load(path, SHARDED, shard="1", total_shards="3"))) == []
    assert problems(path, SHARDED, shard="2", total_shards="3") == [
        "config.yml:2: accounts[0].api_key_file: cannot read the file: No such file or directory"
    ]


def test_without_shards_every_key_file_is_read(path: Path) -> None:
    assert len(problems(path, SHARDED)) == 1


def test_what_is_wrong_with_an_account_but_its_files_is_wrong_for_every_shard(path: Path) -> None:
    content = (
        "accounts:\n  - {name: production, api_key: k}\n  - {name: production, api_key: k, secret_key: s}\n"
    )

    told = problems(path, content, shard="0", total_shards="3")

    assert sorted(told) == [
        "config.yml:2: accounts[0].secret_key: is missing: give it or secret_key_file",
        "config.yml:3: accounts[1].name: another account has this name: give each its own",
    ]


def test_the_account_of_the_environment_belongs_to_a_shard_as_well(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, total_shards="3", shard="pin-exporter-1", **KEYS)
    assert list(accounts_of(load_settings({}))) == []
    set_variables(environment, shard="pin-exporter-2")
    assert [account.name for account in accounts_of(load_settings({}))] == ["default"]


def test_problems_of_shards_are_told_where_they_are(path: Path, environment: pytest.MonkeyPatch) -> None:
    content = "api_key: k\nsecret_key: s\n"
    assert problems(path, content, shard="5", total_shards="3") == [
        "--shard: must be less than total_shards: 3 shards count from 0 to 2"
    ]
    assert problems(path, content + "total_shards: 3\n") == [
        "config.yml:3: total_shards: is given without shard: say which of 3 this is, 0 to 2"
    ]
    set_variables(environment, shard="pin-exporter-6c7b9-x2x2x")
    (told,) = problems(path, content, total_shards="0")[:1]
    assert told.startswith("PIN_EXPORTER_SHARD: must be a number of at least 0")
    assert "--total-shards: must be greater than or equal to 1" in problems(path, content, total_shards="0")


def test_a_tab_is_told_with_what_to_do(path: Path) -> None:
    (told,) = problems(path, "accounts:\n\t- name: a\n")
    assert told.startswith("config.yml:2: is not YAML: ")
    assert told.endswith(": indent with spaces")


def test_the_metrics_cannot_stand_where_status_pages_are() -> None:
    for taken in ("/accounts/a", "/style.css"):
        with pytest.raises(SettingsError, match="taken by the status pages"):
            load_web_settings({"web_telemetry_path": taken})
