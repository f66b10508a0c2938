"""The Pod Security Standard *restricted*: what this chart may set, which is less than the standard allows.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Pod = dict[str, Any]

_VOLUMES: Final = {"configMap", "emptyDir", "projected", "secret"}
_REQUIRED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_ALLOWED: Final = {
    *_REQUIRED,
    "fsGroup",
    "fsGroupChangePolicy",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsUser",
}


def violations(template: Pod) -> list[str]:
    """Return what is against the standard in a pod or a pod's template, as one line each."""
    spec = template["spec"]
    found = [f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for volume in spec.get("volumes") or ():
        found += [f"volume {volume['name']}: {kind}" for kind in volume.keys() - {"name"} - _VOLUMES]
    found += [
        f"annotation {name}" for name in template["metadata"].get("annotations", ()) if "apparmor" in name
    ]
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            found += _of_container(container, spec.get("securityContext") or {})
    return found


def _of_container(container: Pod, of_pod: Mapping[str, Any]) -> Iterator[str]:
    context = {**of_pod, **(container.get("securityContext") or {})}
    yield from (f"{name} is set" for name in context.keys() - _ALLOWED)
    yield from (f"{name} is not {value}" for name, value in _REQUIRED.items() if context.get(name) != value)
    if context.get("runAsUser") == 0:
        yield "runAsUser is 0"
    if "hostPort" in str(container.get("ports")):
        yield "hostPort is set"
    handlers = [
        container.get(name) for name in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
    ]
    if "'host'" in str(handlers):
        yield "a probe or hook names a host"
