from collections.abc import Iterator

import pytest

from pin_exporter.config.names import flag_of, unknown_variable_problems, unknown_variables, variable_of
from pin_exporter.config.settings import Settings
from tests.support.environment import clean, set_variables


@pytest.fixture(autouse=True)
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Work without our variables."""
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        yield patch


def test_every_setting_has_its_flag_and_variable_by_one_rule() -> None:
    assert flag_of("web_listen_address") == "--web.listen-address"
    assert variable_of("web_listen_address") == "PIN_EXPORTER_WEB_LISTEN_ADDRESS"
    assert len({flag_of(name) for name in Settings.model_fields}) == len(Settings.model_fields)


def test_shards_have_flags_without_a_section() -> None:
    assert (flag_of("shard"), flag_of("total_shards")) == ("--shard", "--total-shards")


def test_misspelt_variables_are_found(environment: pytest.MonkeyPatch) -> None:
    set_variables(
        environment, build_revision="abc", poll_intervall="5s", web_port="8080", servicekey="x", web_ports="1"
    )

    assert unknown_variables() == [
        "PIN_EXPORTER_POLL_INTERVALL",
        "PIN_EXPORTER_SERVICEKEY",
        "PIN_EXPORTER_WEB_PORT",
        "PIN_EXPORTER_WEB_PORTS",
    ]


def test_variables_that_kubernetes_sets_for_a_service_are_not_taken_for_misspelt(
    environment: pytest.MonkeyPatch,
) -> None:
    for service in ("", "metrics_"):
        set_variables(
            environment,
            **{
                f"{service}service_host": "10.0.0.1",
                f"{service}service_port": "10242",
                f"{service}service_port_http_metrics": "10242",
                f"{service}port": "tcp://10.0.0.1:10242",
                f"{service}port_10242_tcp": "tcp://10.0.0.1:10242",
                f"{service}port_10242_tcp_proto": "tcp",
                f"{service}port_10242_tcp_port": "10242",
                f"{service}port_10242_tcp_addr": "10.0.0.1",
                f"{service}port_53_udp": "udp://10.0.0.1:53",
            },
        )

    assert unknown_variables() == []


def test_a_variable_that_is_nearly_a_setting_is_told_with_that(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, pol_interval="5", quite_another="5")
    assert unknown_variable_problems() == [
        "PIN_EXPORTER_POL_INTERVAL: is not a setting and has no effect: "
        "did you mean PIN_EXPORTER_POLL_INTERVAL?",
        "PIN_EXPORTER_QUITE_ANOTHER: is not a setting and has no effect",
    ]
