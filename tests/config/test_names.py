from argparse import ArgumentParser

import pytest

from pin_exporter.config.names import (
    FLAGS,
    add_setting_flags,
    default_of,
    flags_given,
    is_configured,
    unknown_variables,
    variable_of,
    variables_in_use,
)
from tests.support.environment import set_variables


def parser() -> ArgumentParser:
    made = ArgumentParser()
    add_setting_flags(made)
    return made


def test_a_setting_has_a_variable_and_some_have_a_flag() -> None:
    assert variable_of("web_listen_address") == "PIN_EXPORTER_WEB_LISTEN_ADDRESS"
    assert FLAGS["web_listen_address"].name == "--web.listen-address"
    assert len({flag.name for flag in FLAGS.values()}) == len(FLAGS)
    assert not [name for name in FLAGS if "key" in name]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("poll_interval", "60s"),
        ("page_size", "1000"),
        ("web_listen_address", ":10242"),
        ("web_enable_lifecycle", "false"),
        ("log_level", "info"),
        ("stale_after", ""),
        ("accounts", ""),
    ],
)
def test_a_default_is_shown_as_a_person_writes_it(name: str, shown: str) -> None:
    assert default_of(name) == shown


def test_help_shows_the_default_and_the_variable_of_each_flag() -> None:
    text = " ".join(parser().format_help().split())
    assert "(default: :10242; PIN_EXPORTER_WEB_LISTEN_ADDRESS)" in text
    assert all(variable_of(name) in text for name in FLAGS)


def test_flags_are_given_by_the_names_of_settings() -> None:
    arguments = [
        "--web.listen-address=:1,:2",
        "--web.listen-address=:3",
        "--web.allowed-hosts=a",
        "--web.allowed-hosts=b,c",
        "--web.enable-lifecycle",
        "--shard=1",
    ]
    given = flags_given(parser().parse_args(arguments))
    lists = {"web_listen_address": ":1,:2,:3", "web_allowed_hosts": "a,b,c"}
    assert given == {**lists, "web_enable_lifecycle": True, "shard": "1"}


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("PIN_EXPORTER_POL_INTERVAL", ": did you mean PIN_EXPORTER_POLL_INTERVAL?"),
        ("pin_exporter_pol_interval", ": did you mean PIN_EXPORTER_POLL_INTERVAL?"),
        ("PINEXPORTER_API_KEY", ": did you mean PIN_EXPORTER_API_KEY?"),
        ("PIN_EXPORTR_API_KEY", ": did you mean PIN_EXPORTER_API_KEY?"),
        ("PIN-EXPORTER-API_KEY", ": did you mean PIN_EXPORTER_API_KEY?"),
        ("AIOZ_PIN_API_KEY", ": did you mean PIN_EXPORTER_API_KEY?"),
        ("pinning_secret_key", ": did you mean PIN_EXPORTER_SECRET_KEY?"),
        ("PIN_EXPORTER_WEB_PORT", ""),
        ("PIN_EXPORTER_PORT", ""),
        ("PIN_EXPORTER_APPLE", ""),
    ],
)
def test_misspelt_variables_are_found_with_what_may_be_meant(
    variable: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, build_revision="abc", api_key="k")
    monkeypatch.setenv(variable, "8080")
    assert unknown_variables() == {variable: f"is not a setting and has no effect{hint}"}


OF_KUBERNETES = {
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "10242",
    "SERVICE_PORT_HTTP_METRICS": "10242",
    "PORT": "tcp://10.0.0.1:10242",
    "PORT_10242_TCP": "tcp://10.0.0.1:10242",
    "PORT_10242_TCP_PROTO": "tcp",
    "PORT_10242_TCP_PORT": "10242",
    "PORT_10242_TCP_ADDR": "10.0.0.1",
    "PORT_53_UDP": "udp://10.0.0.1:53",
}


@pytest.mark.parametrize("service", ["PIN_EXPORTER", "PIN_EXPORTER_METRICS"])
def test_variables_that_kubernetes_sets_for_a_service_mean_nothing(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OF_KUBERNETES.items():
        monkeypatch.setenv(f"{service}_{name}", value)
    assert unknown_variables() == {}
    assert not is_configured({})


@pytest.mark.parametrize(
    "variable",
    [
        *("PIN_EXPORTER_API_KEY", "pin_exporter_api_key", "PIN_EXPORTER_SECRET_KEY_FILE", "AIOZ_API_KEY"),
        *("PIN_EXPORTER_BASE_URL", "PIN_EXPORTER_CONFIG_FILE", "PIN_EXPORTER_APIKEY", "PINEXPORTER_X"),
    ],
)
@pytest.mark.parametrize("value", ["x", ""])
def test_whoever_sets_anything_of_an_account_wants_no_demo(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_configured({})
    monkeypatch.setenv(variable, value)
    assert is_configured({})


def test_settings_of_serving_and_logging_configure_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, web_listen_address=":1", log_level="debug", build_revision="abc")
    monkeypatch.setenv("PINNED", "1")
    monkeypatch.setenv("AIOZ", "1")
    assert not is_configured({"web_config_file": "web.yml", "log_format": "json"})
    assert is_configured({"config_file": ""})
    assert is_configured({"log_level": "info", "shard": "0"})


def test_variables_in_use_are_those_that_set_something(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, api_key="k", secret_key="", apikey="k")
    monkeypatch.setenv("pin_exporter_page_size", "50")
    assert variables_in_use() == ["PIN_EXPORTER_API_KEY", "PIN_EXPORTER_PAGE_SIZE"]
