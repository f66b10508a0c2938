"""A stand-in for scheduler and kubelet: pods become ready at once, but no container runs.

Like kubelet it first looks up Secrets, ConfigMaps and their keys.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.cluster.control_plane import Cluster, Object

_NAME: Final = "stand-in"
_PAUSE_SECONDS: Final = 0.1


@contextmanager
def node(cluster: Cluster) -> Iterator[None]:
    """Run the pods of all namespaces until the end."""
    cluster.create("/api/v1/nodes", {"metadata": {"name": _NAME}})
    stopped = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            while not stopped.wait(_PAUSE_SECONDS):
                for pod in cluster.items("/api/v1/pods"):
                    _update(cluster, pod)
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
    assert not failures, failures


def _update(cluster: Cluster, pod: Object) -> None:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    if "deletionTimestamp" in pod["metadata"]:
        cluster.delete(path)
    elif "nodeName" not in pod["spec"]:
        target = {"apiVersion": "v1", "kind": "Node", "name": _NAME}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        cluster.api.post(f"{path}/binding", json=binding)
    elif pod["status"]["phase"] == "Pending" and not missing(cluster, pod):
        headers = {"Content-Type": "application/merge-patch+json"}
        cluster.api.patch(f"{path}/status", json={"status": _status(pod["spec"])}, headers=headers)


def missing(cluster: Cluster, pod: Object) -> list[str]:
    """Return the missing sources of a pod's volumes."""
    namespace = f"/api/v1/namespaces/{pod['metadata']['namespace']}"
    return [
        source_name
        for volume in pod["spec"].get("volumes", ())
        for source in volume.get("projected", {}).get("sources", [volume])
        for source_name in _missing(cluster, namespace, source)
    ]


def _missing(cluster: Cluster, namespace: str, source: Object) -> Iterator[str]:
    for kind, list_of, name_of in (("secret", "secrets", "secretName"), ("configMap", "configmaps", "name")):
        if kind not in source:
            continue
        wanted: dict[str, Any] = source[kind]
        name = wanted.get("name") or wanted[name_of]
        if wanted.get("optional"):
            continue
        found = cluster.get(f"{namespace}/{list_of}/{name}")
        if found is None:
            yield f"{kind} {name}"
            continue
        for item in wanted.get("items", ()):
            if item["key"] not in found["data"]:
                yield f"key {item['key']} of {kind} {name}"


def _status(spec: Object) -> Object:
    """Return the status of a running pod, or of a completed one if it runs only once."""
    once = spec["restartPolicy"] == "Never"
    state = {"terminated": {"exitCode": 0}} if once else {"running": {}}
    containers = [
        {"name": container["name"], "ready": not once, "started": True, "restartCount": 0, "state": state}
        | {"image": container["image"], "imageID": ""}
        for container in spec["containers"]
    ]
    ready = [
        {"type": kind, "status": "True"}
        for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    return {
        "phase": "Succeeded" if once else "Running",
        "conditions": [] if once else ready,
        "containerStatuses": containers,
        "podIPs": [{"ip": "192.0.2.10"}],
        "podIP": "192.0.2.10",
    }
