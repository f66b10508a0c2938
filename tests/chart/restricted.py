"""The Pod Security Standard *restricted*, control by control, as Kubernetes documents it.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator
from typing import Any, Final

Pod = dict[str, Any]

_VOLUMES: Final = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"),
    "secret",
}
_PROFILES: Final = {"RuntimeDefault", "Localhost"}
_SELINUX_TYPES: Final = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_SYSCTLS: Final = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}
_HANDLERS: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_APPARMOR_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"


def violations(template: Pod) -> list[str]:
    """Return what is against the standard in a pod or a pod's template, as one line each."""
    spec = template["spec"]
    return [
        *_of_annotations(template.get("metadata", {}).get("annotations") or {}),
        *_of_pod(spec),
        *(
            f"{container['name']}: {told}"
            for kind in ("containers", "initContainers", "ephemeralContainers")
            for container in spec.get(kind) or ()
            for told in _of_container(container, spec.get("securityContext") or {})
        ),
    ]


def _of_annotations(annotations: dict[str, str]) -> Iterator[str]:
    for name, profile in annotations.items():
        if name.startswith(_APPARMOR_ANNOTATION) and not profile.startswith(
            ("runtime/default", "localhost/")
        ):
            yield f"AppArmor: {profile}"


def _of_pod(spec: Pod) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"{name} is set"
    for volume in spec.get("volumes") or ():
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']}: {kind}"
    context = spec.get("securityContext") or {}
    for sysctl in context.get("sysctls") or ():
        if sysctl["name"] not in _SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    yield from _of_any_context(context)


def _of_container(container: Pod, of_pod: Pod) -> Iterator[str]:
    context = container.get("securityContext") or {}
    yield from _of_any_context(context)
    if context.get("privileged"):
        yield "privileged is set"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if context.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if not (context.get("seccompProfile") or of_pod.get("seccompProfile")):
        yield "seccompProfile is missing"
    if context.get("procMount", "Default") != "Default":
        yield "procMount is not Default"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "capabilities are not dropped"
    if set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "hostPort is set"
    if any(_names_host(handler) for handler in _handlers(container)):
        yield "a probe or hook names a host"


def _of_any_context(context: Pod) -> Iterator[str]:
    """What a pod and a container may both set, and must not."""
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "hostProcess is set"
    if context.get("runAsUser") == 0:
        yield "runAsUser is 0"
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield "seLinuxOptions are not allowed"
    for name in ("seccompProfile", "appArmorProfile"):
        if (context.get(name) or {"type": "RuntimeDefault"}).get("type") not in _PROFILES:
            yield f"{name} is neither RuntimeDefault nor Localhost"


def _handlers(container: Pod) -> Iterator[Pod]:
    yield from (container[name] for name in _HANDLERS if container.get(name))
    yield from (container.get("lifecycle") or {}).values()


def _names_host(handler: Pod) -> bool:
    return any((handler.get(kind) or {}).get("host") for kind in ("httpGet", "tcpSocket"))
