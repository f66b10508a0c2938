"""The chart on a real API server: admission, controllers, upgrades and leftovers."""

from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import CI_VALUES, SECRET, read_yaml
from tests.cluster.conftest import restricted_namespace
from tests.cluster.release import Release
from tests.support.processes import wait_for

pytestmark = pytest.mark.cluster

MONITORING = "apis/monitoring.coreos.com/v1"


def test_a_secret_is_sufficient_in_a_restricted_namespace(release: Release) -> None:
    assert "Warning" not in release.install(SECRET)
    (pod,) = release.pods()
    assert pod["status"]["phase"] == "Running"
    assert [found["metadata"]["name"] for found in release.objects("servicemonitors", MONITORING)] == [
        "pins-pin-exporter"
    ]


def test_a_restricted_namespace_rejects_other_pods(release: Release) -> None:
    release.install({**SECRET, "securityContext": {"allowPrivilegeEscalation": True}}, wait=False)
    path = f"/api/v1/namespaces/{release.namespace}/events"

    def refusals() -> list[str]:
        events = release.cluster.items(path)
        return [event["message"] for event in events if event["reason"] == "FailedCreate"]

    assert "violates PodSecurity" in wait_for(refusals, "the refusal")[0]
    assert release.pods() == []


@pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.stem)
def test_all_ci_values_are_admitted_and_become_ready(release: Release, path: Path) -> None:
    values = read_yaml(path)
    for namespace in {"storage", "monitoring"} - {
        found["metadata"]["name"] for found in release.cluster.items("/api/v1/namespaces")
    }:
        restricted_namespace(release.cluster, namespace)
    assert "Warning" not in release.install(values)
    release.uninstall()


def test_a_pod_waits_for_a_missing_secret(release: Release) -> None:
    release.install({"credentials": {"existingSecret": "later"}}, wait=False)
    (pod,) = wait_for(release.pods, "the pod")
    assert pod["status"]["phase"] == "Pending"
    content = {"metadata": {"name": "later"}, "stringData": {"api-key": "a", "secret-key": "b"}}
    release.cluster.create(f"/api/v1/namespaces/{release.namespace}/secrets", content)
    wait_for(lambda: release.pods()[0]["status"]["phase"] == "Running", "the pod to run")


def test_changed_settings_replace_the_pod_and_a_rollback_restores_them(release: Release) -> None:
    def poll_interval() -> str:
        (config,) = release.objects("configmaps")
        return str(config["data"]["config.yml"])

    release.install(SECRET)
    (first,) = release.pods()
    release.upgrade({**SECRET, "config": {"poll_interval": "15m"}})
    (second,) = release.pods()
    assert second["metadata"]["name"] != first["metadata"]["name"]
    assert "15m" in poll_interval()
    release.rollback()
    (third,) = release.pods()
    assert third["metadata"]["name"] != second["metadata"]["name"]
    assert "15m" not in poll_interval()


def test_an_upgrade_that_does_not_affect_the_pod_leaves_it_running(release: Release) -> None:
    release.install(SECRET)
    before = release.pods()
    release.upgrade({**SECRET, "service": {"port": 80}, "serviceMonitor": {"interval": "5m"}})
    assert [pod["metadata"]["uid"] for pod in release.pods()] == [pod["metadata"]["uid"] for pod in before]
    (service,) = release.objects("services")
    assert service["spec"]["ports"][0]["port"] == 80


def test_keys_in_the_values_can_be_replaced_without_a_new_pod(release: Release) -> None:
    keys = {"apiKey": "old", "secretKey": "made-up"}
    release.install({"credentials": keys})
    before = release.pods()
    release.upgrade({"credentials": {**keys, "apiKey": "new"}})
    assert [pod["metadata"]["uid"] for pod in release.pods()] == [pod["metadata"]["uid"] for pod in before]


def test_the_service_finds_the_pod_and_not_that_of_another_release(release: Release) -> None:
    release.install(SECRET)
    other = Release(release.cluster, release.helm, "other", release.namespace)
    other.install(SECRET)
    for one in (release, other):
        (pod,) = one.pods()
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{one.namespace}/endpointslices"
        selector = f"kubernetes.io/service-name={one.name}-pin-exporter"

        def targets(selector: str = selector, slices: str = slices) -> list[Any]:
            return [
                endpoint["targetRef"]["name"]
                for found in release.cluster.items(slices, selector)
                for endpoint in found["endpoints"] or ()
            ]

        assert wait_for(targets, "an endpoint") == [pod["metadata"]["name"]]


def test_helm_test_is_admitted_and_cleans_up(release: Release) -> None:
    release.install(SECRET)
    assert "Succeeded" in release.test()
    assert len(release.pods()) == 1


def test_uninstalling_leaves_nothing_behind(release: Release) -> None:
    before = release.everything()
    values = {"podDisruptionBudget": {"enabled": True}, "networkPolicy": {"enabled": True}}
    values |= {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
    release.install({"credentials": {"apiKey": "made-up", "secretKey": "made-up"}, **values})
    assert len(release.everything() - before) >= 9
    release.uninstall()
    wait_for(lambda: release.everything() <= before, "the namespace to be as it was")


def shards_of(release: Release) -> dict[str, str]:
    """Return by pod name the number of shards in its environment, or else the kind of its owner."""
    return {
        pod["metadata"]["name"]: next(
            (
                variable["value"]
                for variable in pod["spec"]["containers"][0].get("env", ())
                if variable["name"] == "PIN_EXPORTER_TOTAL_SHARDS"
            ),
            pod["metadata"]["ownerReferences"][0]["kind"],
        )
        for pod in release.pods()
    }


def all_shards(total: int) -> dict[str, str]:
    return {f"pins-pin-exporter-{number}": str(total) for number in range(total)}


def test_shards_replace_one_pod_and_the_other_way_round(release: Release) -> None:
    release.install(SECRET)
    before = {path for path in release.everything() if not path.startswith(("pods/", "replicasets/"))}
    release.upgrade({**SECRET, "shards": 3})
    wait_for(lambda: shards_of(release) == all_shards(3), "the one pod to go")
    assert not release.objects("replicasets", "apis/apps/v1")
    release.upgrade(SECRET)
    wait_for(lambda: [*shards_of(release).values()] == ["ReplicaSet"], "the shards to go")
    release.rollback()
    wait_for(lambda: shards_of(release) == all_shards(3), "the shards to come back")
    release.upgrade(SECRET)

    def left_over() -> set[str]:
        ours = {path for path in release.everything() if "pins-pin-exporter" in path}
        return {
            path
            for path in ours - before
            if not path.startswith(("pods/", "replicasets/", "endpointslices/"))
        }

    wait_for(lambda: not left_over() or None, f"no trace of the shards: {left_over()}")


@pytest.mark.parametrize(("old", "new"), [(2, 4), (4, 2)])
def test_a_changed_number_of_shards_replaces_all_pods(release: Release, old: int, new: int) -> None:
    release.install({**SECRET, "shards": old})
    before = {pod["metadata"]["uid"] for pod in release.pods()}
    assert shards_of(release) == all_shards(old)
    release.upgrade({**SECRET, "shards": new})
    wait_for(lambda: shards_of(release) == all_shards(new), f"{new} shards")
    assert not before & {pod["metadata"]["uid"] for pod in release.pods()}


def test_all_shards_are_replaced_at_once_even_if_one_never_becomes_ready(release: Release) -> None:
    release.install({**SECRET, "shards": 3})
    # The stand-in for kubelet does not start a pod with a missing Secret.
    missing = {"extraVolumes": [{"name": "a", "secret": {"secretName": "missing"}}]}
    release.upgrade({**SECRET, **missing, "shards": 4}, wait=False)
    wait_for(lambda: shards_of(release) == all_shards(4), "all to be replaced while none is ready")
