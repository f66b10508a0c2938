import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.chart.files import CHART
from tests.chart.golden import GOLDEN, default_render
from tests.chart.helm import (
    CI_VALUES,
    MONITORING,
    SECRET,
    Helm,
    container,
    find_helm,
    has,
    only,
    pod,
    read_yaml,
    workload,
)


def test_the_least_values_give_what_the_golden_file_says(each_helm: Helm) -> None:
    assert default_render(each_helm) == GOLDEN.read_text(), "python -m tests.chart.golden"


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)
def test_both_helms_make_the_same_of_each_way_to_install(values: Path) -> None:
    rendered = [
        {
            (found["kind"], found["metadata"]["name"]): found
            for found in find_helm(major).template(read_yaml(values))
        }
        for major in ("3", "4")
    ]
    assert rendered[0] == rendered[1]


@pytest.mark.parametrize("values", [None, *CI_VALUES], ids=lambda path: path.name if path else "defaults")
def test_lint_has_nothing_to_say(each_helm: Helm, values: Path | None) -> None:
    more = [f"--values={values}"] if values else []
    assert "0 chart(s) failed" in each_helm.run("lint", "--strict", "--kube-version=1.25.0", CHART, *more)


def test_with_only_a_secret_named_prometheus_is_told_to_scrape(each_helm: Helm) -> None:
    service = only(each_helm.template(SECRET), "Service")
    objects = each_helm.template(SECRET, apis=MONITORING)
    assert "annotations" not in only(objects, "Service")["metadata"]
    monitor = only(objects, "ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["pins"]}
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


def test_a_pod_monitor_takes_the_place_of_a_service_monitor_and_both_are_refused(helm: Helm) -> None:
    values = {**SECRET, "podMonitor": {"enabled": True}}
    objects = helm.template(values, apis=MONITORING)
    assert has(objects, "PodMonitor")
    assert not has(objects, "ServiceMonitor")
    with pytest.raises(Exception, match=r"would scrape everything twice"):
        helm.template({**values, "serviceMonitor": {"enabled": True}})


def test_the_selector_is_name_and_instance_for_ever(helm: Helm) -> None:
    values = {
        **SECRET,
        "commonLabels": {"app.kubernetes.io/name": "other", "team": "a"},
        "podLabels": {"app.kubernetes.io/instance": "other"},
        "service": {"labels": {"app.kubernetes.io/name": "other"}},
    }
    objects = helm.template(values)
    expected = {"app.kubernetes.io/name": "pin-exporter", "app.kubernetes.io/instance": "rel"}
    spec = workload(objects)
    assert spec["selector"]["matchLabels"] == expected
    service = only(objects, "Service")
    assert service["spec"]["selector"] == expected
    # A ServiceMonitor finds the Service by them.
    assert expected.items() <= service["metadata"]["labels"].items()
    assert spec["template"]["metadata"]["labels"] == {**expected, "team": "a"}


@pytest.mark.parametrize(
    ("release", "values"),
    [
        ("r" * 53, {}),
        ("rel", {"nameOverride": "n" * 80}),
        ("rel", {"fullnameOverride": "f" * 62 + "-f"}),
        ("r" * 53, {"nameOverride": "n" * 80}),
    ],
)
def test_no_name_or_label_is_longer_than_63_characters(
    each_helm: Helm, release: str, values: dict[str, Any]
) -> None:
    more = {"dashboards": {"enabled": True}, "credentials": {"apiKey": "a", "secretKey": "b"}}
    objects = each_helm.template({**more, **values}, release=release, apis=MONITORING)
    names = [found["metadata"]["name"] for found in objects]
    labels = [label for found in objects for label in found["metadata"]["labels"].values()]
    assert {len(name) for name in [*names, *labels]} <= set(range(1, 64))
    assert not any(name.endswith(("-", ".")) for name in [*names, *labels])
    kinds = [found["kind"] for found in objects]
    assert len({*zip(kinds, names, strict=True)}) == len(objects)


def test_a_name_of_digits_stays_text(each_helm: Helm) -> None:
    values = {"credentials": {"existingSecret": "1"}, "fullnameOverride": "2", "namespaceOverride": "3"}
    objects = each_helm.template(values, apis=MONITORING)
    assert {found["metadata"]["namespace"] for found in objects} == {"3"}
    assert pod(objects)["volumes"][1]["projected"]["sources"][0]["secret"]["name"] == "1"
    assert pod(objects)["serviceAccountName"] == "2"


def test_two_releases_share_no_object_and_no_selector(helm: Helm) -> None:
    more = {"dashboards": {"enabled": True}, "credentials": {"apiKey": "a", "secretKey": "b"}}
    one, two = (helm.template(more, release=name, apis=MONITORING) for name in ("pin-exporter", "second"))
    objects = [(found["kind"], found["metadata"]["name"]) for found in (*one, *two)]
    assert len(set(objects)) == len(objects)
    assert workload(one)["selector"] != workload(two)["selector"]


@pytest.fixture
def umbrella(tmp_path: Path) -> Path:
    """Return a chart that contains this one twice, once under another name."""
    chart = tmp_path / "umbrella"
    shutil.copytree(CHART, chart / "charts" / "pin-exporter")
    version = read_yaml(CHART / "Chart.yaml")["version"]
    ours = {"name": "pin-exporter", "version": version}
    dependencies = [
        {**ours, "condition": "pin-exporter.enabled"},
        {**ours, "alias": "second", "condition": "second.enabled"},
    ]
    metadata = {"apiVersion": "v2", "name": "umbrella", "version": "1.0.0", "dependencies": dependencies}
    (chart / "Chart.yaml").write_text(yaml.dump(metadata))
    return chart


def test_another_chart_can_contain_this_one_even_twice(each_helm: Helm, umbrella: Path) -> None:
    values = {
        "global": {
            "imageRegistry": "mirror.example.com",
            "imagePullSecrets": ["a", {"name": "b"}],
            "storageClass": "for other charts",
        },
        "pin-exporter": {"enabled": True, **SECRET},
        "second": {"enabled": True, **SECRET},
    }
    assert each_helm.template({"pin-exporter": SECRET, "second": SECRET}, chart=umbrella)
    objects = each_helm.template(values, chart=umbrella)
    names = {found["metadata"]["name"] for found in objects if found["kind"] == "Deployment"}
    assert names == {"rel-pin-exporter", "rel-second"}
    selectors = [found["spec"]["selector"] for found in objects if found["kind"] == "Deployment"]
    assert selectors[0] != selectors[1]
    first = [found for found in objects if found["metadata"]["name"].startswith("rel-pin-exporter")]
    assert container(first)["image"].startswith("mirror.example.com/")
    assert pod(first)["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert (
        each_helm.template({"pin-exporter": {"enabled": False}, "second": {"enabled": False}}, chart=umbrella)
        == []
    )


@pytest.mark.parametrize("value", [{"imageRegistry": None}, {"imagePullSecrets": None}, None], ids=str)
def test_global_values_that_another_chart_leaves_empty_are_no_error(
    each_helm: Helm, umbrella: Path, value: object
) -> None:
    values = {"global": value, "pin-exporter": SECRET, "second": {"enabled": False}}
    objects = each_helm.template(values, chart=umbrella)
    assert container(objects)["image"].startswith("ghcr.io/")
    assert "imagePullSecrets" not in pod(objects)


def test_labels_of_a_parent_chart_are_on_every_object_unless_this_one_sets_its_own(
    each_helm: Helm, umbrella: Path
) -> None:
    labels = {"team": "parent", "cost": "parent", "app.kubernetes.io/name": "parent"}
    own = {**SECRET, "commonLabels": {"team": "own"}}
    values = {"global": {"commonLabels": labels}, "pin-exporter": own, "second": {"enabled": False}}
    objects = each_helm.template(values, chart=umbrella)
    every = [found["metadata"]["labels"] for found in objects]
    for found in [*every, workload(objects)["template"]["metadata"]["labels"]]:
        assert (found["team"], found["cost"]) == ("own", "parent")
        assert found["app.kubernetes.io/name"].startswith("pin-exporter")
    assert "cost" not in workload(objects)["selector"]["matchLabels"]


def test_a_secret_for_pulling_that_is_named_twice_arrives_once(helm: Helm) -> None:
    """Server-side apply, which Helm 4 uses, refuses the second."""
    values = {"imagePullSecrets": [{"name": "1"}, "b"], "global": {"imagePullSecrets": ["b", {"name": "c"}]}}
    assert pod(helm.template({**SECRET, **values}))["imagePullSecrets"] == [
        {"name": "b"},
        {"name": "c"},
        {"name": "1"},
    ]


def test_openshift_can_have_the_fixed_ids_removed(each_helm: Helm, umbrella: Path) -> None:
    values = {**SECRET, "podSecurityContext": {"runAsUser": None, "runAsGroup": None}}
    expected = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    objects = each_helm.template(values)
    assert pod(objects)["securityContext"] == expected
    assert only(objects, "Pod")["spec"]["securityContext"] == expected
    inside = each_helm.template({"pin-exporter": values, "second": {"enabled": False}}, chart=umbrella)
    assert pod(inside)["securityContext"] == expected


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "ghcr.io/"),
        ({"image": {"registry": "a.example.com"}}, "a.example.com/"),
        (
            {"image": {"registry": "a.example.com"}, "global": {"imageRegistry": "b.example.com:5000"}},
            "b.example.com:5000/",
        ),
        ({"image": {"registry": "", "tag": "edge", "digest": f"sha256:{0:064}"}}, ""),
    ],
)
def test_the_registry_can_be_replaced_and_a_digest_wins_over_a_tag(
    helm: Helm, values: dict[str, Any], image: str
) -> None:
    version = read_yaml(CHART / "Chart.yaml")["appVersion"]
    repository = read_yaml(CHART / "values.yaml")["image"]["repository"]
    end = "@" + values["image"]["digest"] if "digest" in values.get("image", {}) else f":{version}"
    objects = helm.template({**SECRET, **values})
    assert container(objects)["image"] == f"{image}{repository}{end}"
    assert only(objects, "Pod")["spec"]["containers"][0]["image"] == container(objects)["image"]


def test_notes_say_how_to_see_the_metrics(helm: Helm, tmp_path: Path) -> None:
    # Helm 3 shows notes with a cluster alone; Helm 4 does without, but takes it for one that is too old.
    chart = tmp_path / "pin-exporter"
    shutil.copytree(CHART, chart)
    metadata = read_yaml(chart / "Chart.yaml")
    del metadata["kubeVersion"]
    (chart / "Chart.yaml").write_text(yaml.dump(metadata))

    def notes(values: dict[str, Any]) -> str:
        text = helm.run("install", "rel", chart, "--dry-run=client", "--namespace=pins", values=values)
        return text.partition("NOTES:")[2]

    told = notes({**SECRET, "service": {"port": 80}, "config": {"web_telemetry_path": "/m"}})
    assert "port-forward service/rel-pin-exporter 10242:80" in told
    assert "http://localhost:10242/m\n" in told
    assert "prometheus.io/scrape" in told
    assert "api-key and secret-key of Secret aioz-pin" in told
    headless = notes({**SECRET, "service": {"port": 80, "clusterIP": "None"}})
    assert "port-forward service/rel-pin-exporter 10242:10242" in headless
    many = notes({"accounts": [{"name": f"a{i}", "existingSecret": "s"} for i in range(200)]})
    assert many.count(" of Secret ") == 10
    assert "and 190 more" in many
    assert "are simulated" in notes({"demo": {"enabled": True}})
    assert "podMonitor.labels.release" in notes({**SECRET, "podMonitor": {"enabled": True}})
    assert "Nothing makes Prometheus scrape it" in notes({**SECRET, "service": {"scrapeAnnotations": False}})
    assert "replicas is 0" in notes({**SECRET, "replicas": 0})
    sharded = notes({**SECRET, "shards": 2})
    assert "port-forward pod/rel-pin-exporter-0 10242:10242" in sharded
    assert "--selector app.kubernetes.io/name=pin-exporter,app.kubernetes.io/instance=rel" in sharded
    users = {"basic_auth_users": {"a": "b"}}
    secured = notes({**SECRET, "web": {"tlsSecret": "t", "config": users}, "podMonitor": {"enabled": True}})
    assert "curl --insecure --user NAME https://localhost:10242/metrics" in secured
    assert "set podMonitor.basicAuth" in secured
    demanding = {"existingSecret": "w", "tls": True, "clientCertificates": True}
    assert "set podMonitor.tlsConfig" in notes({**SECRET, "web": demanding, "podMonitor": {"enabled": True}})
    assert "made-up-secret" not in notes({"credentials": {"apiKey": "a", "secretKey": "made-up-secret"}})
