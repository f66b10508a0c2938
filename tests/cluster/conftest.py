"""One control plane for all tests, and for each a namespace that enforces the standard *restricted*."""

import itertools
from collections.abc import Iterator
from functools import partial

import pytest
import yaml

from tests.chart.helm import MAJORS, find_helm
from tests.chart.schemas import operator_versions
from tests.cluster.control_plane import Cluster, control_plane
from tests.cluster.node import node
from tests.cluster.release import Release
from tests.support.processes import wait_for

_NUMBERS = itertools.count(1)
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with control_plane(tmp_path_factory.mktemp("cluster")) as running, node(running):
        _define_monitoring(running)
        yield running


def _define_monitoring(cluster: Cluster) -> None:
    newest = operator_versions()[-1]
    for path in sorted(newest.glob("*.yaml")):
        if path.stem.endswith(("_servicemonitors", "_podmonitors", "_prometheusrules")):
            cluster.create(_CRDS, yaml.load(path.read_text(), yaml.CSafeLoader))
    for kind in ("servicemonitors", "podmonitors", "prometheusrules"):
        served = partial(cluster.get, f"/apis/monitoring.coreos.com/v1/{kind}")
        wait_for(served, f"{kind} to be served")


@pytest.fixture(params=MAJORS, ids=lambda major: f"helm {major}")
def release(cluster: Cluster, request: pytest.FixtureRequest) -> Release:
    """Return a release for each Helm, in its own namespace with a Secret that contains keys."""
    namespace = restricted_namespace(cluster, f"pins-{next(_NUMBERS)}")
    return Release(cluster, find_helm(request.param).path, "pins", namespace)


def restricted_namespace(cluster: Cluster, name: str) -> str:
    """Create a namespace that admits only restricted pods, and the objects that the values in `ci/` need."""
    standard = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    cluster.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": standard}})
    secrets = {
        "aioz-pin": ("api-key", "secret-key", "API_KEY", "SECRET_KEY"),
        "aioz-pin-production": ("api-key", "secret-key"),
        "aioz-pin-backups": ("key", "secret"),
        "pin-exporter-web": ("web-config.yml",),
        "pin-exporter-tls": ("tls.crt", "tls.key", "ca.crt"),
    }
    for secret, keys in secrets.items():
        content = {"metadata": {"name": secret}, "stringData": dict.fromkeys(keys, "made-up")}
        cluster.create(f"/api/v1/namespaces/{name}/secrets", content)
    for config_map in ("authorities", "more-variables"):
        cluster.create(f"/api/v1/namespaces/{name}/configmaps", {"metadata": {"name": config_map}})
    return name
