"""TLS and passwords of the exporter's own port, as the chart sets them up, and what follows for others."""

import base64
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from dev.chart.files import CHART
from tests.chart.helm import SECRET, Helm, Object, container, has, only, pod, read_yaml, workload
from tests.support.processes import free_port, running, wait_for
from tests.support.tools import require_tool

CONFIG = read_yaml(CHART / "ci" / "web-config-values.yaml")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
USERS = {"basic_auth_users": CONFIG["web"]["config"]["basic_auth_users"]}
INLINE = {"tls_server_config": {"cert_file": "server.crt", "key_file": "server.key"}}


def web(**values: Any) -> dict[str, Any]:
    return {**SECRET, "web": values}


def made(objects: list[Object]) -> dict[str, Any]:
    """Return the web configuration in the Secret that the chart makes."""
    data = only(objects, "Secret", "-web")["data"]["web-config.yml"]
    loaded: dict[str, Any] = yaml.safe_load(base64.b64decode(data))
    return loaded


def mounted(objects: list[Object]) -> dict[str, tuple[str, str]]:
    """Return path and Secret of each volume that holds a single Secret."""
    secrets = {
        volume["name"]: volume.get("secret", {}).get("secretName") for volume in pod(objects)["volumes"]
    }
    return {
        mount["name"]: (mount["mountPath"], secrets[mount["name"]])
        for mount in container(objects)["volumeMounts"]
        if secrets[mount["name"]]
    }


def test_a_configuration_becomes_a_secret_that_the_exporter_is_told_of(each_helm: Helm) -> None:
    objects = each_helm.template(web(config={**USERS, "http_server_config": {"http2": False}}))
    assert made(objects) == {**USERS, "http_server_config": {"http2": False}}
    assert "--web.config.file=/etc/pin-exporter/web/web-config.yml" in container(objects)["args"]
    assert mounted(objects) == {"web": ("/etc/pin-exporter/web", "rel-pin-exporter-web")}


def test_another_configuration_needs_no_new_pod(helm: Helm) -> None:
    old, new = (helm.template(web(config={"basic_auth_users": {"a": word}})) for word in ("x", "y"))
    assert made(old) != made(new)
    assert workload(old) == workload(new)


PROBES_IN_FULL = {probe: {"tcpSocket": {"port": "http"}} for probe in PROBES}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({**INLINE, **USERS}, INLINE),
        ({**INLINE, **USERS}, USERS),
        (USERS, {**INLINE, **USERS}),
        (USERS, {"http_server_config": {"http2": False}}),
    ],
)
def test_what_the_exporter_does_not_change_while_it_runs_takes_a_new_pod(
    helm: Helm, old: dict[str, Any], new: dict[str, Any]
) -> None:
    pods = [workload(helm.template({**web(config=config), **PROBES_IN_FULL})) for config in (old, new)]
    assert pods[0] != pods[1]


def test_an_existing_secret_is_mounted_as_it_is(helm: Helm) -> None:
    objects = helm.template(web(existingSecret="mine"))
    assert mounted(objects) == {"web": ("/etc/pin-exporter/web", "mine")}
    assert not has(objects, "Secret")


def test_a_certificate_alone_turns_tls_on(helm: Helm) -> None:
    objects = helm.template(web(tlsSecret="certificate"))
    path, secret = mounted(objects)["tls"]
    assert secret == "certificate"
    assert made(objects) == {
        "tls_server_config": {"cert_file": f"{path}/tls.crt", "key_file": f"{path}/tls.key"}
    }


def test_a_certificate_that_the_configuration_names_itself_stays(helm: Helm) -> None:
    objects = helm.template(web(tlsSecret="certificate", config=INLINE))
    assert made(objects) == INLINE
    assert "tls" in mounted(objects)
    more = helm.template(web(tlsSecret="certificate", config={"tls_server_config": {"min_version": "TLS13"}}))
    assert made(more)["tls_server_config"].keys() == {"cert_file", "key_file", "min_version"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"config": USERS, "existingSecret": "a"}, "web.config and web.existingSecret are both set"),
        ({"tls": True}, "describe web.existingSecret, which is not set"),
        ({"config": INLINE, "clientCertificates": True}, "describe web.existingSecret"),
        ({"existingSecret": "a", "clientCertificates": True}, "web.clientCertificates requires TLS"),
    ],
)
def test_what_contradicts_itself_is_refused_in_a_sentence(
    helm: Helm, values: dict[str, Any], told: str
) -> None:
    with pytest.raises(Exception, match=told):
        helm.template(web(**values))


PLAIN = [{}, {"config": USERS}, {"config": {"tls_server_config": {}}}, {"existingSecret": "a"}]
TLS = [{"config": INLINE}, {"tlsSecret": "a"}, {"existingSecret": "a", "tls": True}]
TLS += [{"tlsSecret": "a", "config": {"tls_server_config": {"client_auth_type": "VerifyClientCertIfGiven"}}}]
DEMANDING: list[dict[str, Any]] = [
    {"existingSecret": "a", "tls": True, "clientCertificates": True},
    *(
        {"tlsSecret": "a", "config": {"tls_server_config": {"client_auth_type": mode}}}
        for mode in ("RequireAnyClientCert", "RequireAndVerifyClientCert")
    ),
]


@pytest.mark.parametrize(
    ("values", "scheme"), [*((values, None) for values in PLAIN), *((values, "HTTPS") for values in TLS)]
)
def test_probes_speak_tls_where_the_exporter_does(
    helm: Helm, values: dict[str, Any], scheme: str | None
) -> None:
    exporter = container(helm.template(web(**values)))
    assert [exporter[probe]["httpGet"].get("scheme") for probe in PROBES] == [scheme] * 3


@pytest.mark.parametrize("values", DEMANDING)
def test_where_certificates_are_demanded_the_exporter_probes_itself(
    helm: Helm, values: dict[str, Any]
) -> None:
    exporter = container(helm.template(web(**values)))
    for probe in PROBES:
        url = "https://127.0.0.1:10242/-/healthy"
        assert exporter[probe]["exec"] == {"command": ["pin-exporter", "healthcheck", url]}
        assert exporter[probe]["timeoutSeconds"] == 5


def endpoint(helm: Helm, kind: str, values: Mapping[str, Any], **monitor: Any) -> Object:
    name = kind[0].lower() + kind[1:]
    objects = helm.template({**values, name: {"enabled": True, **monitor}})
    spec = only(objects, kind)["spec"]
    found: Object = (spec.get("endpoints") or spec["podMetricsEndpoints"])[0]
    return found


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_monitors_follow(helm: Helm, kind: str) -> None:
    plain = endpoint(helm, kind, SECRET)
    assert plain["scheme"] == "http"
    assert "tlsConfig" not in plain
    secured = endpoint(helm, kind, web(tlsSecret="a"))
    assert secured["scheme"] == "https"
    assert secured["tlsConfig"] == {
        "serverName": "rel-pin-exporter.pins.svc",
        "ca": {"secret": {"name": "a", "key": "ca.crt"}},
    }


def test_a_monitor_elsewhere_does_not_name_a_secret_that_is_not_there(helm: Helm) -> None:
    found = endpoint(helm, "ServiceMonitor", web(tlsSecret="a"), namespace="monitoring")
    assert found["tlsConfig"] == {"serverName": "rel-pin-exporter.pins.svc"}


def test_what_a_monitor_is_told_wins(helm: Helm) -> None:
    own = {"insecureSkipVerify": True}
    assert endpoint(helm, "PodMonitor", web(tlsSecret="a"), tlsConfig=own)["tlsConfig"] == own
    assert endpoint(helm, "PodMonitor", web(tlsSecret="a"), scheme="http")["scheme"] == "http"
    # A mesh may speak TLS in the exporter's place.
    assert endpoint(helm, "PodMonitor", SECRET, scheme="https")["scheme"] == "https"


def test_the_annotations_of_the_service_say_https(helm: Helm) -> None:
    annotations = only(helm.template(web(tlsSecret="a")), "Service")["metadata"]["annotations"]
    assert annotations["prometheus.io/scheme"] == "https"


def hook(objects: list[Object], address: str) -> subprocess.CompletedProcess[str]:
    """Run the test hook against an address instead of the Service's."""
    command = only(objects, "Pod")["spec"]["containers"][0]["command"]
    scheme, _, rest = command[3].partition("://")
    url = f"{scheme}://{address}/{rest.partition('/')[2]}"
    script = command[2].replace("+ 60", "+ 1")
    return subprocess.run(
        [sys.executable, "-c", script, url, *command[4:]], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate and its key, which nobody has signed."""
    folder = tmp_path_factory.mktemp("certificate")
    command = [require_tool("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=test"]
    command += ["-out", f"{folder}/tls.crt", "-keyout", f"{folder}/tls.key"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@contextmanager
def tls_server(certificate: Path, *options: str) -> Iterator[str]:
    """Run OpenSSL's own server, which answers with a page that is not ours."""
    address = f"127.0.0.1:{free_port()}"
    command = [require_tool("openssl", "openssl"), "s_server", "-accept", address, "-www"]
    command += ["-cert", f"{certificate}/tls.crt", "-key", f"{certificate}/tls.key", *options]
    with running(command) as process:
        process.wait_for_line("ACCEPT")
        yield address


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_the_hook_is_content_when_it_is_asked_for_a_certificate(
    helm: Helm, certificate: Path, version: str
) -> None:
    with tls_server(certificate, "-Verify", "1", "-verify_return_error", version) as address:
        asked = hook(helm.template(web(**DEMANDING[0])), address)
    assert asked.returncode == 0, asked.stderr
    assert "asks for a certificate, as it should" in asked.stdout


def test_the_hook_is_not_when_anyone_is_let_in(helm: Helm, certificate: Path) -> None:
    with tls_server(certificate) as address:
        asked = hook(helm.template(web(**DEMANDING[0])), address)
    assert asked.returncode == 1
    assert "lets in who has no certificate" in asked.stderr


def test_the_hook_speaks_tls_and_notices_a_stranger(helm: Helm, certificate: Path) -> None:
    with tls_server(certificate) as address:
        asked = hook(helm.template(web(tlsSecret="a")), address)
    assert asked.returncode == 1
    assert "answers, but not as pin-exporter" in asked.stderr


def test_the_hook_does_not_accept_plain_http_where_there_should_be_tls(helm: Helm) -> None:
    command = [sys.executable, "-m", "pin_exporter", "demo", "--web.listen-address=127.0.0.1:0"]
    with running(command) as process:
        address = process.wait_for_line(r"http://(127\.0\.0\.1:\d+)")[1]
        refused = hook(helm.template(web(tlsSecret="a")), address)
        accepted = hook(helm.template(web(existingSecret="a")), address)
        open_door = hook(helm.template(web(config=USERS)), address)
    assert refused.returncode == 1
    assert "SSL" in refused.stderr
    assert accepted.returncode == 0, accepted.stderr
    assert open_door.returncode == 1
    assert "lets in who has no password" in open_door.stderr


def test_the_exporter_serves_as_rendered_and_its_probes_and_the_hook_agree(
    helm: Helm, certificate: Path, tmp_path: Path
) -> None:
    values = {**web(**CONFIG["web"]), "demo": {"enabled": True}, "containerPort": free_port()}
    objects = helm.template({name: value for name, value in values.items() if name != "credentials"})
    (tmp_path / "web").mkdir()
    config = base64.b64decode(only(objects, "Secret", "-web")["data"]["web-config.yml"]).decode()
    config = config.replace("/etc/pin-exporter/tls", str(certificate))
    (tmp_path / "web" / "web-config.yml").write_text(config)
    arguments = [text.replace("/etc/pin-exporter", str(tmp_path)) for text in container(objects)["args"]]
    address = f"127.0.0.1:{values['containerPort']}"
    with running([sys.executable, "-m", "pin_exporter", *arguments]) as process:
        process.wait_for_line("https://")
        for probe in PROBES:
            handler = container(objects)[probe]["httpGet"]
            url = f"{handler['scheme'].lower()}://{address}{handler['path']}"
            wait_for(lambda url=url: httpx.get(url, verify=False).status_code == 200, url)  # type: ignore[misc]
        asked = hook(objects, address)
    assert asked.returncode == 0, asked.stderr
    assert "asks for a password, as it should" in asked.stdout
