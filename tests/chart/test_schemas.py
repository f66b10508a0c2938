from copy import deepcopy
from pathlib import Path

import pytest

from dev.chart.files import CHART
from tests.chart.helm import CI_VALUES, MONITORING, SECRET, Helm, Object, only, read_yaml
from tests.chart.schemas import (
    OPERATOR,
    kubernetes_problems,
    kubernetes_versions,
    operator_problems,
    operator_versions,
)


def of_kubernetes(objects: list[Object]) -> list[Object]:
    return [found for found in objects if found["apiVersion"] != OPERATOR]


def of_operator(objects: list[Object]) -> list[Object]:
    return [found for found in objects if found["apiVersion"] == OPERATOR]


def test_versions_of_kubernetes_begin_with_the_first_that_is_supported() -> None:
    versions = kubernetes_versions()
    assert versions[0] == "1.25"
    assert len(versions) >= 10


@pytest.mark.parametrize("version", kubernetes_versions())
def test_kubernetes_takes_every_object(helm: Helm, version: str) -> None:
    for values in CI_VALUES:
        objects = of_kubernetes(helm.template(read_yaml(values)))
        assert [told for found in objects for told in kubernetes_problems(found, version)] == [], values.name


def test_the_newest_kubernetes_takes_what_is_for_it_alone(helm: Helm) -> None:
    objects = helm.template(read_yaml(CHART / "ci" / "shards-values.yaml"), "--kube-version=1.99.0")
    assert "rollingUpdate" in only(objects, "StatefulSet")["spec"]["updateStrategy"]
    problems = [kubernetes_problems(found, kubernetes_versions()[-1]) for found in of_kubernetes(objects)]
    assert [told for each in problems for told in each] == []


def test_the_prometheus_operator_takes_every_object(helm: Helm) -> None:
    kinds = set()
    for values in CI_VALUES:
        for found in of_operator(helm.template(read_yaml(values), apis=MONITORING)):
            kinds.add(found["kind"])
            for definitions in operator_versions():
                assert operator_problems(found, definitions) == [], (values.name, definitions.name)
    assert kinds == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


def test_an_unknown_field_is_noticed(helm: Helm) -> None:
    objects = helm.template(SECRET, apis=MONITORING)
    deployment = deepcopy(only(objects, "Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePullpolicy"] = "Always"
    assert any("imagePullpolicy" in told for told in kubernetes_problems(deployment, "1.25"))
    monitor = deepcopy(only(objects, "ServiceMonitor"))
    monitor["spec"]["endpoints"][0]["relabeling"] = []
    for definitions in operator_versions():
        assert any("relabeling" in told for told in operator_problems(monitor, definitions))


def test_the_chart_says_which_kubernetes_it_wants(each_helm: Helm, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("demo: {enabled: true}\n")
    arguments = ("template", "rel", "helm/pin-exporter", f"--values={tmp_path / 'values.yaml'}")
    assert each_helm.run(*arguments, "--kube-version=1.25.0-eks-123")
    with pytest.raises(Exception, match=r"kubeVersion: >=1\.25\.0-0"):
        each_helm.run(*arguments, "--kube-version=1.24.9")
