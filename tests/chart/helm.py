"""The real Helm in both major versions, and what it makes of the chart."""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from dev.chart.files import CHART
from tests.support.tools import do_without

TOOLS: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pin-exporter"
MAJORS: Final = ("3", "4")
CI_VALUES: Final = tuple(sorted((CHART / "ci").glob("*-values.yaml")))
MONITORING: Final = (
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
)
"""What a cluster with the Prometheus operator can do."""

Object = dict[str, Any]
"""A Kubernetes object."""

SECRET: Final[Mapping[str, Any]] = {"credentials": {"existingSecret": "aioz-pin"}}
"""The least that has to be set."""


@functools.cache
def _run(command: tuple[str, ...], given: str) -> str:
    """Run Helm once for what many tests look at: neither chart nor values change in between."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmError(done.stderr + done.stdout)
    return done.stdout


class HelmError(Exception):
    """Helm refused; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One Helm."""

    path: str

    def run(self, *arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
        """Run it, with values as if from a file, and return what it prints. Raises HelmError."""
        files = ("--values=-",) if values is not None else ()
        return _run((self.path, *map(str, arguments), *files), json.dumps(values))

    def version(self) -> str:
        """Return its version, such as v4.1.0."""
        return self.run("version", "--template={{.Version}}")

    def template(
        self,
        values: Mapping[str, Any],
        *arguments: str,
        release: str = "rel",
        chart: Path = CHART,
        apis: Iterable[str] = (),
    ) -> list[Object]:
        """Return the objects of a release."""
        told = (f"--api-versions={api}" for api in apis)
        fixed = ("--kube-version=1.25.0", "--namespace=pins")
        text = self.run("template", release, chart, *fixed, *told, *arguments, values=values)
        return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


@functools.cache
def find_helm(major: str) -> Helm:
    """Return the Helm that `make chart-tools` built, or one that is installed; skip the test without."""
    candidates = (*sorted(TOOLS.glob(f"helm-v{major}.*/helm"), reverse=True), shutil.which("helm"))
    helms = (Helm(str(path)) for path in candidates if path)
    found = next((helm for helm in helms if helm.version().startswith(f"v{major}.")), None)
    return found or do_without(f"Helm {major} is missing: `make chart-tools` builds it, with Go")


def read_yaml(path: Path) -> Any:
    """Return what a file of one document holds."""
    return yaml.safe_load(path.read_text())


def only(objects: Iterable[Object], kind: str, name_end: str = "") -> Object:
    """Return the one object of a kind."""
    (found,) = (
        found for found in objects if found["kind"] == kind and found["metadata"]["name"].endswith(name_end)
    )
    return found


def has(objects: Iterable[Object], kind: str) -> bool:
    """Return whether there is any object of a kind."""
    return any(found["kind"] == kind for found in objects)


def workload(objects: Iterable[Object]) -> Object:
    """Return the specification of the Deployment, or of the StatefulSet in its place."""
    (spec,) = (found["spec"] for found in objects if found["kind"] in ("Deployment", "StatefulSet"))
    return spec  # type: ignore[no-any-return]


def pod(objects: Iterable[Object]) -> Object:
    """Return the specification of the exporter's pod."""
    spec: Object = workload(objects)["template"]["spec"]
    return spec


def container(objects: Iterable[Object]) -> Object:
    """Return the exporter's container."""
    first: Object = pod(objects)["containers"][0]
    return first


def config_of(objects: Iterable[Object]) -> str:
    """Return the exporter's configuration file."""
    maps = (found for found in objects if found["kind"] == "ConfigMap")
    (text,) = (found["data"]["config.yml"] for found in maps if "config.yml" in found["data"])
    return str(text)
