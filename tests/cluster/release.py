"""A Helm release of the chart in a cluster."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dev.chart.files import CHART
from tests.cluster.control_plane import Cluster, Object


class RefusedError(Exception):
    """Helm failed; the message is its output."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release name and a namespace, with one version of Helm."""

    cluster: Cluster
    helm: str
    name: str
    namespace: str

    def install(self, values: Mapping[str, Any], *, wait: bool = True) -> str:
        """Install the chart and wait until it is ready; RefusedError if Helm fails."""
        return self._helm("install", self.name, str(CHART), values=values, wait=wait)

    def upgrade(self, values: Mapping[str, Any], *, wait: bool = True) -> str:
        """Upgrade to other values and wait until it is ready; RefusedError if Helm fails."""
        return self._helm("upgrade", self.name, str(CHART), values=values, wait=wait)

    def rollback(self) -> str:
        """Roll back to the previous values; RefusedError if Helm fails."""
        return self._helm("rollback", self.name)

    def test(self) -> str:
        """Run the chart's test; RefusedError if it fails."""
        return self._helm("test", self.name, wait=False)

    def uninstall(self) -> str:
        """Uninstall the release; RefusedError if Helm fails."""
        return self._helm("uninstall", self.name)

    def _helm(self, *arguments: str, wait: bool = True, values: Mapping[str, Any] | None = None) -> str:
        command = [self.helm, *arguments, "--timeout=60s", *(["--wait"] if wait else [])]
        command += [f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}"]
        command += [] if values is None else ["--values=-"]
        done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(done.stderr + done.stdout)
        return done.stderr + done.stdout

    def objects(self, kind: str, group: str = "api/v1") -> list[Object]:
        """Return the objects of a kind with the release's label."""
        path = f"/{group}/namespaces/{self.namespace}/{kind}"
        return self.cluster.items(path, f"app.kubernetes.io/instance={self.name}")

    def pods(self) -> list[Object]:
        """Return the exporter's pods that are not being deleted."""
        return [pod for pod in self.objects("pods") if "deletionTimestamp" not in pod["metadata"]]

    def everything(self) -> set[str]:
        """Return all objects in the namespace except events, as `kind/name`."""
        return {
            f"{path.rpartition('/')[2]}/{found['metadata']['name']}"
            for path in self.cluster.namespaced_lists(self.namespace)
            if not path.endswith("/events")
            for found in self.cluster.items(path)
        }
