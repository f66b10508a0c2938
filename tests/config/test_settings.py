from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from pin_exporter.api.credentials import Credentials
from pin_exporter.config.accounts import accounts_of, warn_of_plain_http
from pin_exporter.config.settings import AccountSettings, Settings
from pin_exporter.config.types import is_exposed
from pin_exporter.toolkit.errors import SettingsError
from tests.support.environment import clean
from tests.support.logged import events


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


def test_the_defaults_are_those_that_the_documentation_names() -> None:
    given = settings(api_key="a", secret_key="b")

    assert given.account == "default"
    assert given.base_url == "https://api.aiozpin.network/api"
    assert (given.poll_interval, given.requests_per_minute, given.request_timeout) == (60, 120, 30)
    assert (given.page_size, given.stale_after, given.size_limit) == (1_000, None, None)
    assert (given.web_listen_address, given.web_telemetry_path) == ((":10242",), "/metrics")
    assert (given.log_level, given.log_format) == ("info", "logfmt")


def test_the_constructor_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_EXPORTER_ACCOUNT", "from-environment")

    assert settings().account == "default"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("60s", 60), ("5m", 300), ("1h30m", 5_400), ("1.5m", 90), (" 2m ", 120)]
)
def test_durations_may_be_written_as_people_do(text: str, seconds: float) -> None:
    assert settings(poll_interval=text).poll_interval == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000", 1_000),
        ("500GB", 500 * 10**9),
        ("500G", 500 * 10**9),
        ("2TiB", 2 * 2**40),
        ("1.5 KiB", 1_536),
        ("0", 0),
    ],
)
def test_sizes_may_be_written_as_people_do(text: str, size: int) -> None:
    assert settings(size_limit=text).size_limit == size


NONSENSE: dict[str, list[object]] = {
    "poll_interval": ["", "0", "0.5s", "25h", "-5", "5 m", "1e3", "nan", "inf", "m", True, []],
    "stale_after": ["0", "31d", "later"],
    "request_timeout": ["0", "0s", "2h", "ever"],
    "requests_per_minute": ["1", "60001", "many", "1.5", ""],
    "page_size": ["9", "10001", "all"],
    "size_limit": ["-1", "5 pounds", "", "TB", "9" * 41, True],
    "account": ["", "-a", "a b", "a\n", "ä", "a" * 64, 'a"', 5],
    "log_level": ["loud"],
    "log_format": ["xml"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in NONSENSE for value in NONSENSE[name]])
def test_values_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**{name: value})

    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


@pytest.mark.parametrize("value", ["DEBUG", "Warning", "error"])
def test_log_levels_are_taken_in_any_case(value: str) -> None:
    assert settings(log_level=value).log_level == value.lower()


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.test/api", "https://api.test/api"),
        ("http://127.0.0.1:8080/api//", "http://127.0.0.1:8080/api"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_base_urls_lose_their_last_slashes_and_nothing_else(url: str, kept: str) -> None:
    assert settings(base_url=url).base_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.test/api",
        "ftp://api.test",
        "https://",
        "https:///api",
        "https://user:password@api.test",
        "https://user@api.test",
        "https://api.test/?key=x",
        "https://api.test/#x",
        "https://api.test:0",
        "https://api.test:99999",
        "https://api.test:x",
        "https://[::1",
        "https://api.test/a b",
        "https://api.test/\n",
        "https://äpi.test",
    ],
)
def test_base_urls_with_more_or_less_than_a_place_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="URL"):
        settings(base_url=url)


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        (":10242", (":10242",)),
        ("127.0.0.1:1, [::1]:65535", ("127.0.0.1:1", "[::1]:65535")),
        (["localhost:0", ":2"], ("localhost:0", ":2")),
        ("[fe80::1%eth0]:80", ("[fe80::1%eth0]:80",)),
    ],
)
def test_listen_addresses_come_as_text_or_as_a_list(value: object, addresses: tuple[str, ...]) -> None:
    assert settings(web_listen_address=value).web_listen_address == addresses


@pytest.mark.parametrize(
    "value",
    [
        "",
        "10242",
        ":",
        ":x",
        ":65536",
        "::1:80",
        "a b:80",
        ":1,",
        "http://x:80",
        [],
        [""],
        [80],
        {"a": 1},
        ":1,:1",
    ],
)
def test_listen_addresses_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        settings(web_listen_address=value)


@pytest.mark.parametrize("path", ["/", "/metrics", "/a/b.c~d_e-f", "/-x", "/metrics/"])
def test_telemetry_paths_may_be_any_plain_path(path: str) -> None:
    assert settings(web_telemetry_path=path).web_telemetry_path == path


@pytest.mark.parametrize(
    "path", ["", "metrics", "/-/ready", "/-", "/-/", "/a?b", "/a b", "/{x}", "/ä", "/%2e", None]
)
def test_telemetry_paths_must_not_take_the_place_of_health_or_hold_patterns(path: object) -> None:
    with pytest.raises(ValidationError):
        settings(web_telemetry_path=path)


def test_the_account_of_the_top_level_comes_before_those_of_the_list() -> None:
    entries = [{"name": "b", "api_key": "3", "secret_key": "4"}]

    accounts = list(accounts_of(settings(account="a", api_key="1", secret_key="2", accounts=entries)))

    assert [account.name for account in accounts] == ["a", "b"]
    assert [account.credentials.last.api_key for account in accounts] == [SecretStr("1"), SecretStr("3")]


def test_without_keys_the_top_level_is_no_account_but_lends_its_settings() -> None:
    entries = [
        {"name": "as-shared", "api_key": "1", "secret_key": "2"},
        {
            "name": "own",
            "api_key": "3",
            "secret_key": "4",
            "poll_interval": "5m",
            "size_limit": "0",
            "page_size": "50",
        },
    ]

    shared, own = accounts_of(settings(poll_interval="2m", size_limit="1GB", accounts=entries))

    assert (shared.poll_interval, shared.size_limit, shared.page_size) == (120, 10**9, 1_000)
    assert (own.poll_interval, own.size_limit, own.page_size) == (300, 0, 50)


def test_keys_are_given_as_text_or_as_files_that_are_read_for_each_request(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("2\n")
    (account,) = accounts_of(settings(api_key=" 1\n", secret_key_file=file))
    assert account.credentials.current() == Credentials(SecretStr("1"), SecretStr("2"))
    file.write_text("3")
    assert account.credentials.current() == Credentials(SecretStr("1"), SecretStr("3"))


def test_a_key_file_that_is_gone_since_the_settings_were_checked_is_a_problem_of_its_account(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match="account default: secret_key_file: cannot read the file"):
        list(accounts_of(settings(api_key="1", secret_key_file=tmp_path / "gone")))


def test_neither_settings_nor_accounts_show_their_keys() -> None:
    given = settings(api_key="s3cret-a", secret_key="s3cret-b")
    entry = AccountSettings.model_validate({"name": "a", "api_key": "s3cret-c", "secret_key": "s3cret-d"})

    assert (
        "s3cret" not in f"{given} {given!r} {list(accounts_of(given))} {entry} {entry!r} {given.model_dump()}"
    )


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("https://api.example/api", False),
        ("http://localhost:1/api", False),
        ("http://127.0.0.2:1/api", False),
        ("http://[::1]:1/api", False),
        ("http://api.example/api", True),
        ("http://127.example/api", True),
        ("http://10.0.0.1/api", True),
    ],
)
def test_plain_http_to_another_machine_exposes_the_keys(url: str, exposed: bool) -> None:
    assert is_exposed(url, through_proxy=False) is exposed
    assert is_exposed(url, through_proxy=True) is url.startswith("http:")


def test_keys_that_a_proxy_of_the_environment_gets_to_see_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clean(monkeypatch)
    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    accounts = list(accounts_of(settings(api_key="k", secret_key="s", base_url="http://localhost:1/api")))
    warn_of_plain_http(accounts)
    assert not caplog.messages
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    warn_of_plain_http(accounts)
    assert events(caplog) == ["keys_sent_unencrypted"]


@pytest.mark.parametrize("value", [2**63 - 1, f"{2**63 - 1}", "8191PiB"])
def test_a_size_is_at_most_what_64_bits_hold(value: object) -> None:
    assert settings(size_limit=value).size_limit in (2**63 - 1, 8191 * 2**50)


@pytest.mark.parametrize("value", [2**63, "8192PiB", "99999999999999999999999999999999TB"])
def test_a_size_beyond_64_bits_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="is too large: the most is 9223372036854775807 bytes"):
        settings(size_limit=value)
