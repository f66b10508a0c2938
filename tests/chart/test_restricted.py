from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import CI_VALUES, Helm, Object, read_yaml
from tests.chart.restricted import violations


def pods(objects: list[Object]) -> list[Object]:
    """Return every pod and template of a pod."""
    return [
        found if found["kind"] == "Pod" else found["spec"]["template"]
        for found in objects
        if found["kind"] in ("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job")
    ]


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)
def test_the_pods_of_exporter_and_test_fit_the_standard(helm: Helm, values: Path) -> None:
    rendered = pods(helm.template(read_yaml(values)))
    assert len(rendered) == 2
    assert [told for pod in rendered for told in violations(pod)] == []


GOOD: dict[str, Any] = {
    "metadata": {"annotations": {"example.com/a": "b"}},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "c",
                "ports": [{"containerPort": 80}],
                "livenessProbe": {"httpGet": {"port": 80}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
}


def test_the_checker_accepts_a_good_pod() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("metadata.annotations", {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}),
        ("spec.hostNetwork", True),
        ("spec.hostPID", True),
        ("spec.hostIPC", True),
        ("spec.volumes", [{"name": "v", "hostPath": {"path": "/"}}]),
        ("spec.volumes", [{"name": "v", "nfs": {}}]),
        ("spec.securityContext.runAsNonRoot", None),
        ("spec.securityContext.runAsNonRoot", False),
        ("spec.securityContext.runAsUser", 0),
        ("spec.securityContext.seccompProfile", None),
        ("spec.securityContext.seccompProfile.type", "Unconfined"),
        ("spec.securityContext.appArmorProfile", {"type": "Unconfined"}),
        ("spec.securityContext.seLinuxOptions", {"type": "spc_t"}),
        ("spec.securityContext.seLinuxOptions", {"user": "system_u"}),
        ("spec.securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
        ("spec.securityContext.windowsOptions", {"hostProcess": True}),
        ("spec.containers.0.ports.0.hostPort", 80),
        ("spec.containers.0.livenessProbe.httpGet.host", "192.0.2.1"),
        ("spec.containers.0.lifecycle", {"preStop": {"tcpSocket": {"host": "192.0.2.1", "port": 1}}}),
        ("spec.containers.0.securityContext", None),
        ("spec.containers.0.securityContext.privileged", True),
        ("spec.containers.0.securityContext.allowPrivilegeEscalation", None),
        ("spec.containers.0.securityContext.capabilities.drop", ["NET_RAW"]),
        ("spec.containers.0.securityContext.capabilities.add", ["SYS_ADMIN"]),
        ("spec.containers.0.securityContext.procMount", "Unmasked"),
        ("spec.containers.0.securityContext.runAsUser", 0),
        ("spec.containers.0.securityContext.runAsNonRoot", False),
        ("spec.initContainers", [{"name": "i"}]),
        ("spec.ephemeralContainers", [{"name": "e"}]),
    ],
)
def test_the_checker_refuses_what_each_control_forbids(place: str, value: object) -> None:
    pod = deepcopy(GOOD)
    *parents, last = place.split(".")
    inner: Any = pod
    for step in parents:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    inner[last] = value
    assert violations(pod)
