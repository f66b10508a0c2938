"""What users of other charts complain about.

More of it: keys in `test_credentials.py`, pods in `test_restricted.py`, names and parent charts in
`test_render.py`, rules in `test_rules.py`.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.chart.files import CHART
from tests.chart.helm import (
    CI_VALUES,
    MONITORING,
    SECRET,
    Helm,
    container,
    has,
    only,
    pod,
    read_yaml,
    workload,
)


def test_mounted_keys_are_never_by_sub_path(helm: Helm) -> None:
    """Kubernetes does not update such files, and a rotated key would need a restart."""
    for values in CI_VALUES:
        mounts = container(helm.template(read_yaml(values))).get("volumeMounts", ())
        assert not any("subPath" in mount for mount in mounts)


def test_a_new_version_of_the_chart_alone_restarts_nothing(helm: Helm, tmp_path: Path) -> None:
    chart = tmp_path / "pin-exporter"
    shutil.copytree(CHART, chart)
    metadata = read_yaml(chart / "Chart.yaml")
    (chart / "Chart.yaml").write_text(yaml.dump({**metadata, "version": "99.0.0"}))
    for values in map(read_yaml, CI_VALUES):
        old, new = helm.template(values), helm.template(values, chart=chart)
        assert old != new
        assert workload(old) == workload(new)


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_relabelings_reach_the_monitor(helm: Helm, kind: str) -> None:
    relabelings = [{"targetLabel": "a", "replacement": "$1"}]
    metric_relabelings = [{"action": "drop", "sourceLabels": ["b"], "regex": "c"}]
    name = kind[0].lower() + kind[1:]
    monitor = {"enabled": True, "relabelings": relabelings, "metricRelabelings": metric_relabelings}
    spec = only(helm.template({**SECRET, name: monitor}), kind)["spec"]
    endpoint = (spec.get("endpoints") or spec.get("podMetricsEndpoints"))[0]
    assert endpoint["relabelings"] == relabelings
    assert endpoint["metricRelabelings"] == metric_relabelings


def test_the_port_of_the_service_moves_nothing_else(helm: Helm) -> None:
    objects = helm.template({**SECRET, "service": {"port": 80}}, apis=MONITORING)
    (port,) = only(objects, "Service")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "http")
    assert container(objects)["ports"] == [{"name": "http", "containerPort": 10242, "protocol": "TCP"}]
    assert "--web.listen-address=:10242" in container(objects)["args"]
    assert only(objects, "ServiceMonitor")["spec"]["endpoints"][0]["port"] == "http"


def test_a_service_without_an_address_has_the_port_that_its_name_leads_to(helm: Helm) -> None:
    objects = helm.template({**SECRET, "service": {"port": 80, "clusterIP": "None"}, "containerPort": 8080})
    (port,) = only(objects, "Service")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (8080, "http")
    asked = only(objects, "Pod")["spec"]["containers"][0]["command"][3]
    assert asked == "http://rel-pin-exporter.pins.svc:8080/metrics"


def test_the_port_of_the_container_moves_the_probes_with_it(helm: Helm) -> None:
    objects = helm.template({**SECRET, "containerPort": 8080})
    exporter = container(objects)
    assert "--web.listen-address=:8080" in exporter["args"]
    assert exporter["ports"][0]["containerPort"] == 8080
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert exporter[probe]["httpGet"]["port"] == "http"
    assert only(objects, "Service")["spec"]["ports"][0]["port"] == 10242


def network(helm: Helm, values: dict[str, Any]) -> dict[str, Any]:
    """Return the specification of the NetworkPolicy."""
    objects = helm.template({"networkPolicy": {"enabled": True}, **values})
    spec: dict[str, Any] = only(objects, "NetworkPolicy", "-exporter")["spec"]
    return spec


def test_the_network_policy_lets_prometheus_in_and_dns_and_api_out(helm: Helm) -> None:
    spec = network(helm, dict(SECRET))
    assert spec["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    dns, api = spec["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {
        (port, protocol) for port in (53, 5353) for protocol in ("UDP", "TCP")
    }
    assert api == {"ports": [{"port": 443, "protocol": "TCP"}]}
    assert spec["podSelector"]["matchLabels"] == workload(helm.template(SECRET))["selector"]["matchLabels"]


@pytest.mark.parametrize(
    ("config", "own", "ports"),
    [
        ({}, [{}, {}], [443]),
        ({"base_url": "http://c:8080/api"}, [{"base_url": "https://a:8443/api"}, {}], [8443, 8080]),
        ({"base_url": None}, [{"base_url": "http://[::1]/api"}, {"base_url": "http://[::1]:81"}], [80, 81]),
        ({"gateway_url": "https://g:8444"}, [{}, {"gateway_url": "http://h/path:1"}], [443, 8444, 80]),
        ({"proxy_url": "http://user:p%40:1@proxy:3128"}, [{}], [443, 3128]),
        ({"proxy_url": "http://proxy:3128"}, [{"proxy_url": "direct"}], [443]),
        ({"proxy_url": "direct"}, [{"proxy_url": "HTTP://proxy"}, {"proxy_url": None}], [443, 80]),
    ],
    ids=str,
)
def test_the_network_policy_opens_the_ports_of_api_gateway_and_proxy(
    each_helm: Helm, config: dict[str, Any], own: list[dict[str, Any]], ports: list[int]
) -> None:
    accounts = [{"name": f"a{i}", "existingSecret": "s", "config": each} for i, each in enumerate(own)]
    spec = network(each_helm, {"accounts": accounts, "config": config})
    assert spec["egress"][1] == {"ports": [{"port": port, "protocol": "TCP"} for port in ports]}


def test_the_network_policy_of_the_demo_opens_no_port_of_an_api(helm: Helm) -> None:
    assert len(network(helm, {"demo": {"enabled": True}})["egress"]) == 1


def test_peers_of_the_network_policy_apply_to_all_ports_that_it_opens(helm: Helm) -> None:
    peers = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    config = {"gateway_url": "https://g:8444", "proxy_url": "http://proxy:3128"}
    policy = {"enabled": True, "egressTo": peers}
    dns, opened = network(helm, {**SECRET, "config": config, "networkPolicy": policy})["egress"]
    assert "to" not in dns
    assert opened["to"] == peers
    assert [port["port"] for port in opened["ports"]] == [443, 8444, 3128]


def test_the_test_pod_reaches_dns_and_the_exporter_where_all_egress_is_denied(helm: Helm) -> None:
    objects = helm.template({**SECRET, "networkPolicy": {"enabled": True}, "containerPort": 8080})
    spec = only(objects, "NetworkPolicy", "-test")["spec"]
    assert spec["podSelector"]["matchLabels"].items() <= only(objects, "Pod")["metadata"]["labels"].items()
    dns, exporter = spec["egress"]
    assert dns == only(objects, "NetworkPolicy", "-exporter")["spec"]["egress"][0]
    assert exporter["ports"] == [{"port": 8080, "protocol": "TCP"}]
    assert exporter["to"] == [{"podSelector": workload(objects)["selector"]}]
    assert "ingress" not in spec


def test_a_closed_network_policy_still_lets_the_test_hook_in(helm: Helm) -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]
    values = {**SECRET, "networkPolicy": {"enabled": True, "ingressFrom": peers}}
    objects = helm.template(values)
    *named, hook = only(objects, "NetworkPolicy", "-exporter")["spec"]["ingress"][0]["from"]
    assert named == peers
    labels = only(objects, "Pod")["metadata"]["labels"]
    assert hook["podSelector"]["matchLabels"].items() <= labels.items()


def test_the_test_pod_can_be_left_out_with_all_that_is_for_it(each_helm: Helm) -> None:
    peers: list[dict[str, Any]] = [{"podSelector": {}}]
    policy = {"enabled": True, "ingressFrom": peers}
    objects = each_helm.template({**SECRET, "networkPolicy": policy, "tests": {"enabled": False}})
    assert not has(objects, "Pod")
    assert only(objects, "NetworkPolicy")["spec"]["ingress"][0]["from"] == peers


def test_the_test_pod_has_annotations_and_labels_but_stays_a_hook_apart_from_the_exporter(
    each_helm: Helm,
) -> None:
    """With a sidecar of a mesh it would never end; with the exporter's labels the Service would select it."""
    tests = {
        "annotations": {"sidecar.istio.io/inject": "false", "helm.sh/hook": "post-install"},
        "labels": {"team": "a", "app.kubernetes.io/name": "pin-exporter"},
    }
    metadata = only(each_helm.template({**SECRET, "tests": tests}), "Pod")["metadata"]
    assert metadata["annotations"]["sidecar.istio.io/inject"] == "false"
    assert metadata["annotations"]["helm.sh/hook"] == "test"
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["app.kubernetes.io/name"] == "pin-exporter-test"


def test_a_deployment_may_roll_and_by_default_never_has_two_pods(each_helm: Helm) -> None:
    assert workload(each_helm.template(SECRET))["strategy"] == {"type": "Recreate"}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert workload(each_helm.template({**SECRET, "strategy": rolling}))["strategy"] == rolling
    assert "strategy" not in workload(each_helm.template({**SECRET, "shards": 2, "strategy": rolling}))


@pytest.mark.parametrize(("shards", "kind"), [(1, "Deployment"), (2, "StatefulSet")])
def test_annotations_of_the_deployment_are_not_those_of_the_pod(helm: Helm, shards: int, kind: str) -> None:
    values = {**SECRET, "shards": shards, "deploymentAnnotations": {"a": "b"}}
    objects = helm.template(values)
    assert only(objects, kind)["metadata"]["annotations"] == {"a": "b"}
    assert "a" not in workload(objects)["template"]["metadata"]["annotations"]


def test_on_the_network_of_the_node_names_of_the_cluster_still_resolve(helm: Helm) -> None:
    def dns(**values: Any) -> tuple[Any, Any]:
        spec = pod(helm.template({**SECRET, **values}))
        return spec.get("hostNetwork"), spec.get("dnsPolicy")

    assert dns() == (None, None)
    assert dns(hostNetwork=True) == (True, "ClusterFirstWithHostNet")
    assert dns(hostNetwork=True, dnsPolicy="Default") == (True, "Default")


def test_nodes_can_be_drained_with_a_disruption_budget(helm: Helm) -> None:
    """With one pod, which may be missing but is not ready, Kubernetes by default lets no more be missing."""

    def budget(version: str) -> Any:
        values = {**SECRET, "podDisruptionBudget": {"enabled": True}}
        return only(helm.template(values, f"--kube-version={version}"), "PodDisruptionBudget")["spec"]

    assert budget("1.26.0")["maxUnavailable"] == budget("1.27.0")["maxUnavailable"] == 1
    assert "unhealthyPodEvictionPolicy" not in budget("1.26.0")
    assert budget("1.27.0")["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_probe_can_be_given_in_full(helm: Helm) -> None:
    probe = {"exec": {"command": ["pin-exporter", "healthcheck"]}}
    assert "httpGet" not in container(helm.template({**SECRET, "livenessProbe": probe}))["livenessProbe"]


def test_the_dashboard_arrives_byte_by_byte_where_the_sidecar_looks(each_helm: Helm) -> None:
    values = {**SECRET, "dashboards": {"enabled": True, "folder": "Storage"}}
    found = only(each_helm.template(values), "ConfigMap", "-dashboards")
    assert found["data"] == {"pin-exporter.json": (CHART / "files" / "dashboard.json").read_text()}
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Storage"}
