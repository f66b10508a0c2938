from argparse import ArgumentParser

import pytest

from pin_exporter.config.names import (
    FLAGS,
    add_setting_flags,
    default_of,
    flags_given,
    unknown_variable_problems,
    unknown_variables,
    variable_of,
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


def test_misspelt_variables_are_found_with_what_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, build_revision="abc", pol_interval="5s", web_port="8080", web_ports="1")
    assert unknown_variables() == [
        f"PIN_EXPORTER_{name}" for name in ("POL_INTERVAL", "WEB_PORT", "WEB_PORTS")
    ]
    assert unknown_variable_problems()[0].endswith("did you mean PIN_EXPORTER_POLL_INTERVAL?")
    assert len(unknown_variable_problems()) == 3


@pytest.mark.parametrize("service", ["", "metrics_"])
def test_variables_that_kubernetes_sets_for_a_service_are_not_misspelt(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "service_host": "10.0.0.1",
        "service_port": "10242",
        "service_port_http_metrics": "10242",
        "port": "tcp://10.0.0.1:10242",
        "port_10242_tcp": "tcp://10.0.0.1:10242",
        "port_10242_tcp_proto": "tcp",
        "port_10242_tcp_port": "10242",
        "port_10242_tcp_addr": "10.0.0.1",
        "port_53_udp": "udp://10.0.0.1:53",
    }
    set_variables(monkeypatch, **{f"{service}{name}": value for name, value in variables.items()})
    assert unknown_variables() == []
