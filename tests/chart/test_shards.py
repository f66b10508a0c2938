"""The chart with several shards: a StatefulSet that divides the accounts."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dev.chart.files import CHART
from pin_exporter.config.accounts import accounts_of
from pin_exporter.config.loader import load_settings
from tests.chart.helm import MONITORING, Helm, Object, container, has, only, pod, read_yaml, workload
from tests.chart.test_configuration import mount
from tests.support.processes import free_port, running

SHARDS = read_yaml(CHART / "ci" / "shards-values.yaml")
NAMES = {"production", "staging", "archive"}


def test_from_two_shards_on_a_stateful_set_takes_the_place_of_the_deployment(each_helm: Helm) -> None:
    one, three = each_helm.template({**SHARDS, "shards": 1}), each_helm.template(SHARDS)
    assert has(one, "Deployment")
    assert not has(one, "StatefulSet")
    assert has(three, "StatefulSet")
    assert not has(three, "Deployment")
    assert workload(one)["selector"] == workload(three)["selector"]
    assert workload(three)["replicas"] == 3
    assert workload(three)["podManagementPolicy"] == "Parallel"


def test_only_a_cluster_that_keeps_it_is_told_to_replace_all_shards_at_once(each_helm: Helm) -> None:
    """Others drop the field, and Argo CD, which misses it there, would never be done."""

    def strategy(version: str) -> object:
        objects = each_helm.template(SHARDS, f"--kube-version={version}")
        return workload(objects).get("updateStrategy", {}).get("rollingUpdate")

    assert strategy("1.37.0-gke.100") == strategy("1.38.1") == {"maxUnavailable": "100%"}
    assert strategy("1.36.9") is None


def test_all_shards_can_be_paused(helm: Helm) -> None:
    assert workload(helm.template({**SHARDS, "replicas": 0}))["replicas"] == 0


def test_the_shards_as_rendered_have_each_account_once(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = helm.template(SHARDS)
    config = mount(objects, tmp_path, {})
    name, total = container(objects)["env"]
    assert (name["name"], name["valueFrom"]["fieldRef"]["fieldPath"]) == (
        "PIN_EXPORTER_SHARD",
        "metadata.name",
    )
    monkeypatch.setenv(total["name"], total["value"])
    found: list[str] = []
    for number in range(workload(objects)["replicas"]):
        pod_name = f"{only(objects, 'StatefulSet')['metadata']['name']}-{number}"
        monkeypatch.setenv(name["name"], pod_name)
        found += [account.name for account in accounts_of(load_settings({"config_file": config}))]
    assert sorted(found) == sorted(NAMES)


def test_variables_of_the_values_stand_beside_those_of_the_shards(helm: Helm) -> None:
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy.example.com"}
    env = container(helm.template({**SHARDS, "extraEnv": [proxy]}))["env"]
    assert [variable["name"] for variable in env] == [
        "PIN_EXPORTER_SHARD",
        "PIN_EXPORTER_TOTAL_SHARDS",
        "HTTPS_PROXY",
    ]


def test_a_missing_secret_keeps_no_other_shard_from_starting(helm: Helm) -> None:
    def sources(values: dict[str, Any]) -> list[Object]:
        return [
            source["secret"] for source in pod(helm.template(values))["volumes"][1]["projected"]["sources"]
        ]

    assert all(source["optional"] for source in sources(SHARDS))
    assert not any("optional" in source for source in sources({**SHARDS, "shards": 1}))


def test_a_service_without_an_address_stands_for_the_shards(helm: Helm) -> None:
    objects = helm.template({**SHARDS, "containerPort": 8080, "service": {"port": 80}})
    shards = only(objects, "Service", "-shards")
    assert workload(objects)["serviceName"] == shards["metadata"]["name"]
    assert shards["spec"]["clusterIP"] == "None"
    assert shards["spec"]["publishNotReadyAddresses"] is True
    assert shards["spec"]["selector"] == workload(objects)["selector"]["matchLabels"]
    assert [port["port"] for port in shards["spec"]["ports"]] == [8080]
    assert not has(
        [found for found in helm.template({**SHARDS, "shards": 1}) if "-shards" in str(found)], "Service"
    )


@pytest.mark.parametrize("labels", [{}, {"commonLabels": {"app.kubernetes.io/name": "other", "team": "a"}}])
def test_a_service_monitor_finds_one_service_and_so_each_pod_once(helm: Helm, labels: dict[str, Any]) -> None:
    objects = helm.template({**SHARDS, **labels}, apis=MONITORING)
    selector = only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    services = [found for found in objects if found["kind"] == "Service"]
    (found,) = (service for service in services if selector <= service["metadata"]["labels"].items())
    assert not found["metadata"]["name"].endswith("-shards")
    assert found["spec"]["selector"] == workload(objects)["selector"]["matchLabels"]


def test_without_a_monitor_one_service_alone_is_annotated(helm: Helm) -> None:
    objects = helm.template({**SHARDS, "serviceMonitor": {"enabled": False}})
    services = [found["metadata"] for found in objects if found["kind"] == "Service"]
    (annotated,) = (service for service in services if "annotations" in service)
    assert annotated["annotations"]["prometheus.io/scrape"] == "true"
    assert not annotated["name"].endswith("-shards")


def test_shards_are_spread_over_nodes_unless_told_otherwise(helm: Helm) -> None:
    (usual,) = pod(helm.template(SHARDS))["topologySpreadConstraints"]
    assert usual["topologyKey"] == "kubernetes.io/hostname"
    assert usual["whenUnsatisfiable"] == "ScheduleAnyway"
    assert usual["labelSelector"] == workload(helm.template(SHARDS))["selector"]
    assert "topologySpreadConstraints" not in pod(helm.template({**SHARDS, "shards": 1}))
    own = {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    assert pod(helm.template({**SHARDS, "topologySpreadConstraints": [own]}))[
        "topologySpreadConstraints"
    ] == [own]


@pytest.mark.parametrize("name", ["r" * 53, "r" * 51 + ".pin-exporter", "r" * 51 + "-pin-exporter"])
def test_the_revision_that_kubernetes_puts_into_a_label_has_room(helm: Helm, name: str) -> None:
    found = only(helm.template({**SHARDS, "fullnameOverride": name}), "StatefulSet")["metadata"]["name"]
    assert len(f"{found}-6b9c8d7f5d") <= 63
    assert found[-1].isalnum()


def test_the_demonstration_cannot_be_divided(helm: Helm) -> None:
    with pytest.raises(Exception, match=r"shards must be 1 with demo\.enabled"):
        helm.template({"demo": {"enabled": True}, "shards": 2})


@pytest.mark.parametrize(
    ("type_", "expected"), [("ClusterIP", None), ("NodePort", 30242), ("LoadBalancer", 30242)]
)
def test_a_port_of_the_nodes_is_asked_for_where_there_can_be_one(
    helm: Helm, type_: str, expected: int | None
) -> None:
    objects = helm.template({**SHARDS, "service": {"type": type_, "nodePort": 30242}})
    ports = [found["spec"]["ports"][0] for found in objects if found["kind"] == "Service"]
    assert {port.get("nodePort") for port in ports} == {expected, None}


# In place of the cluster's DNS.
_RESOLVER = """\
import socket
_real = socket.getaddrinfo
def _resolve(host, *rest, **more):
    found = ["127.0.0.1", "127.0.0.2"] if host.startswith("rel-pin-exporter-shards.") else [host]
    return [entry for each in found for entry in _real(each, *rest, **more)]
socket.getaddrinfo = _resolve
"""


def ask_hook(objects: list[Object]) -> subprocess.CompletedProcess[str]:
    command = only(objects, "Pod")["spec"]["containers"][0]["command"]
    script = _RESOLVER + command[2].replace("+ 60", "+ 1")
    return subprocess.run(
        [sys.executable, "-c", script, *command[3:]], capture_output=True, text=True, check=False
    )


def test_the_hook_asks_every_shard(helm: Helm) -> None:
    port = free_port()
    objects = helm.template({**SHARDS, "shards": 2, "containerPort": port})
    keys = {"PIN_EXPORTER_API_KEY": "made-up", "PIN_EXPORTER_SECRET_KEY": "made-up"}
    nowhere = {"PIN_EXPORTER_BASE_URL": "http://127.0.0.1:9/api", "PIN_EXPORTER_TOTAL_SHARDS": "2"}
    with ExitStack() as stack:
        for number, host in ((0, "127.0.0.1"), (1, "127.0.0.2")):
            assert "Connection refused" in ask_hook(objects).stderr
            command = [sys.executable, "-m", "pin_exporter", f"--web.listen-address={host}:{port}"]
            env = {**keys, **nowhere, "PIN_EXPORTER_SHARD": f"rel-pin-exporter-{number}"}
            stack.enter_context(running(command, env)).wait_for_line("listening=")
        asked = ask_hook(objects)
        assert asked.returncode == 0, asked.stderr
        assert asked.stdout.count("lines of metrics") == 2

        more = ask_hook(helm.template({**SHARDS, "shards": 3, "containerPort": port}))
        assert more.returncode == 1
        assert "shards are missing: 2" in more.stderr
