"""A Kubernetes control plane on loopback: etcd, API server and controllers, but no node."""

import json
import secrets
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.chart.helm import TOOLS
from tests.support.processes import PATIENCE_SECONDS, Process, free_port, running, wait_for
from tests.support.tools import do_without, require_tool

Object = dict[str, Any]

_CONTROLLERS: Final = (
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "statefulset-controller",
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running API server, and an administrator's kubeconfig."""

    api: httpx.Client
    kubeconfig: Path

    def get(self, path: str) -> Object | None:
        """Return an object or a list, or None if it does not exist."""
        response = self.api.get(path)
        if response.status_code == 404:
            return None
        return _checked(response)

    def items(self, path: str, selector: str = "") -> list[Object]:
        """Return the objects of a list."""
        response = self.api.get(path, params={"labelSelector": selector} if selector else {})
        found: list[Object] = _checked(response)["items"]
        return found

    def create(self, path: str, content: Object) -> Object:
        """Create an object."""
        return _checked(self.api.post(path, json=content))

    def patch(self, path: str, content: Object) -> Object:
        """Apply a merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return _checked(self.api.patch(path, content=json.dumps(content), headers=headers))

    def delete(self, path: str) -> None:
        """Delete an object at once, if it still exists."""
        response = self.api.delete(path, params={"gracePeriodSeconds": 0})
        if response.status_code != 404:
            _checked(response)

    def namespaced_lists(self, namespace: str) -> Iterator[str]:
        """Yield the path of every kind's list in a namespace."""
        for version in self._versions():
            for resource in _checked(self.api.get(version))["resources"]:
                if resource["namespaced"] and "list" in resource["verbs"]:
                    yield f"{version}/namespaces/{namespace}/{resource['name']}"

    def _versions(self) -> Iterator[str]:
        yield "/api/v1"
        for group in _checked(self.api.get("/apis"))["groups"]:
            yield f"/apis/{group['preferredVersion']['groupVersion']}"


def _checked(response: httpx.Response) -> Object:
    assert response.is_success, f"{response.request.method} {response.request.url.path}: {response.text}"
    content: Object = response.json()
    return content


@contextmanager
def control_plane(directory: Path) -> Iterator[Cluster]:
    """Run a control plane with its data in a directory; skip the test if it has not been built."""
    binaries = _find_binaries()
    token = secrets.token_hex()
    (directory / "tokens.csv").write_text(f"{token},administrator,administrator,system:masters\n")
    key = directory / "accounts.key"
    openssl = require_tool("openssl", "openssl")
    subprocess.run([openssl, "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    with ExitStack() as stack:
        etcd = _start_etcd(stack, directory / "etcd")
        port = free_port()
        server = stack.enter_context(running(_api_server(binaries, directory, etcd, port)))
        certificate = directory / "certificates/apiserver.crt"
        wait_for(lambda: _made(server, certificate), "the API server's certificate")
        url = f"https://127.0.0.1:{port}"
        api = stack.enter_context(_client(url, certificate, token))
        wait_for(lambda: _ready(server, api), "the API server")
        kubeconfig = _write_kubeconfig(directory, url, certificate, token)
        stack.enter_context(running(_controllers(binaries, kubeconfig, key, certificate)))
        yield Cluster(api, kubeconfig)


def _find_binaries() -> Path:
    built = sorted(TOOLS.glob("kubernetes-v*/kube-apiserver"))
    return built[-1].parent if built else do_without("the control plane is missing: `make cluster-tools`")


def _start_etcd(stack: ExitStack, data: Path) -> str:
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    options = {"data-dir": data, "listen-client-urls": clients, "advertise-client-urls": clients}
    options |= {"listen-peer-urls": peers, "initial-advertise-peer-urls": peers}
    options |= {"initial-cluster": f"default={peers}", "unsafe-no-fsync": "true"}
    stack.enter_context(running(_command(require_tool("etcd", "etcd-server"), options)))
    return clients


def _api_server(binaries: Path, directory: Path, etcd: str, port: int) -> list[str]:
    key = directory / "accounts.key"
    return _command(
        binaries / "kube-apiserver",
        {
            "etcd-servers": etcd,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "endpoint-reconciler-type": "none",
            "secure-port": port,
            "cert-dir": directory / "certificates",
            "token-auth-file": directory / "tokens.csv",
            "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "service-cluster-ip-range": "10.0.0.0/24",
        },
    )


def _controllers(binaries: Path, kubeconfig: Path, key: Path, certificate: Path) -> list[str]:
    return _command(
        binaries / "kube-controller-manager",
        {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": "127.0.0.1",
            "secure-port": free_port(),
            "cert-dir": kubeconfig.parent / "controllers",
            "leader-elect": "false",
            "controllers": ",".join(_CONTROLLERS),
            "service-account-private-key-file": key,
            "root-ca-file": certificate,
        },
    )


def _command(binary: Path | str, options: dict[str, object]) -> list[str]:
    return [str(binary), *(f"--{name}={value}" for name, value in options.items())]


def _client(url: str, certificate: Path, token: str) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(certificate))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(
        base_url=url, verify=trust, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False
    )


def _made(server: Process, certificate: Path) -> bool:
    assert server.popen.poll() is None, server.lines
    return certificate.exists() and certificate.stat().st_size > 0


def _ready(server: Process, api: httpx.Client) -> bool:
    assert server.popen.poll() is None, server.lines
    try:
        return api.get("/readyz").is_success
    except httpx.TransportError:
        return False


def _write_kubeconfig(directory: Path, url: str, certificate: Path, token: str) -> Path:
    names = {"cluster": "loopback", "user": "administrator"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "loopback", "cluster": {"server": url, "certificate-authority": str(certificate)}}
        ],
        "users": [{"name": "administrator", "user": {"token": token}}],
        "contexts": [{"name": "loopback", "context": names}],
        "current-context": "loopback",
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path
