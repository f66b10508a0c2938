"""The exporter with a web config file: curl, Prometheus, certificates that change, slow clients."""

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bcrypt
import pytest
import yaml

from tests.support.certificates import Authority
from tests.support.processes import RunningExporter, exporter, prometheus, run_to_end, wait_for
from tests.support.tools import require_tool

PAGE = (Path(__file__).parents[2] / "docs" / "web-config.md").read_text(encoding="utf-8")
NOWHERE = {
    "PIN_EXPORTER_BASE_URL": "http://127.0.0.1:9/api",
    "PIN_EXPORTER_API_KEY": "a-key-for-tests",
    "PIN_EXPORTER_SECRET_KEY": "a-secret-for-tests",
}
EXPORTER = (sys.executable, "-m", "pin_exporter")
PASSWORD = "Zq7Wm4XkPd9"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(6)).decode()


def curl(url: str, *options: str | Path, cwd: Path | None = None) -> tuple[int, str]:
    """Return the status, 0 without a response, and the response or the message of curl."""
    command = [require_tool("curl", "curl"), "-sSi", "-m", "30", *map(str, options), url]
    ran = run_to_end(command, cwd=cwd)
    found = re.match(r"HTTP/1\.[01] (\d+)", ran.stdout)
    return int(found[1]) if found else 0, ran.stdout + ran.stderr


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def block(title: str) -> str:
    """Return a block of the page, by the comment that it begins with."""
    (found,) = re.findall(rf"^```\w+\n(# {re.escape(title)}\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def write(path: Path, *, tls: str = "", users: Mapping[str, str] | None = None) -> Path:
    path.write_text(yaml.safe_dump({"basic_auth_users": dict(users or {})}) + tls)
    return path


@contextmanager
def protected(path: Path, *options: str) -> Iterator[RunningExporter]:
    with exporter(NOWHERE, f"--web.config.file={path}", *options) as exported:
        yield exported


def test_the_example_of_the_document_works_with_curl_and_with_prometheus(tmp_path: Path) -> None:
    require_tool("openssl", "openssl")
    subprocess.run(["sh", "-ec", block("certificates")], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "web.yml").write_text(block("web.yml"))
    (scrape,) = yaml.safe_load(block("prometheus.yml"))["scrape_configs"]
    scrape = {name: value for name, value in scrape.items() if name not in ("job_name", "static_configs")}
    with (
        protected(tmp_path / "web.yml") as exported,
        prometheus(tmp_path, [exported.url], scrape=scrape) as scraping,
    ):
        _, *documented = shlex.split(block("curl").partition("\n")[2])
        *options, url = (word for word in documented if word != "\n")
        here = url.replace(":10242", f":{port_of(exported.url)}")
        status, answer = curl(here, *options, cwd=tmp_path)
        assert (status, "aiozpin_up" in answer) == (200, True), answer
        assert "x-content-type-options: nosniff" in answer
        wait_for(lambda: scraping.values("up") == {(): 1}, "a scrape")

        certificate = ("--cert", "prometheus.crt", "--key", "prometheus.key")
        assert curl(here, "--cacert", "ca.crt", *certificate, cwd=tmp_path)[0] == 401
        assert "certificate required" in curl(here, "--cacert", "ca.crt", cwd=tmp_path)[1]
        health = here.replace("/metrics", "/-/healthy")
        assert curl(health, "--cacert", "ca.crt", *certificate, cwd=tmp_path)[0] == 200
        assert curl(health, "--cacert", "ca.crt", cwd=tmp_path)[0] == 0
        assert "requires HTTPS" in curl(health.replace("https", "http"))[1]


def test_no_scrape_fails_while_a_certificate_is_renewed(tmp_path: Path, authority: Authority) -> None:
    authority.issue("server")
    tls = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
    path = write(tmp_path / "web.yml", tls=tls, users={"prometheus": HASH})
    scrape = {
        "scheme": "https",
        "basic_auth": {"username": "prometheus", "password": PASSWORD},
        "tls_config": {"ca_file": str(authority.path)},
    }

    def serial(exported: RunningExporter) -> str:
        address = f"127.0.0.1:{port_of(exported.url)}"
        session = subprocess.run(
            ["openssl", "s_client", "-connect", address], input=b"", capture_output=True, check=False
        )
        shown = subprocess.run(
            ["openssl", "x509", "-noout", "-serial"], input=session.stdout, capture_output=True, check=True
        )
        return shown.stdout.decode()

    with (
        protected(path) as exported,
        prometheus(tmp_path, [exported.url], scrape=scrape) as scraping,
    ):
        wait_for(lambda: scraping.values("up") == {(): 1}, "a scrape")
        before = serial(exported)
        renewed = authority.issue("renewed")
        # The key first: for a moment it does not belong to the certificate.
        renewed.key.replace(tmp_path / "server.key")
        exported.process.wait_for_line("web_config_reload_failed.*the key does not belong")
        renewed.certificate.replace(tmp_path / "server.crt")
        exported.process.wait_for_line("web_config_reloaded")
        assert serial(exported) != before
        scraped = scraping.values("scrape_samples_scraped > 0")
        assert scraped
        wait_for(lambda: scraping.values("count_over_time(up[1h]) >= 4"), "more scrapes")
        assert scraping.values("min_over_time(up[1h])") == {(): 1}


def test_a_bad_change_is_logged_and_changes_nothing_until_it_is_repaired(tmp_path: Path) -> None:
    path = write(tmp_path / "web.yml", users={"prometheus": HASH})
    reloaded = "aiozpin_exporter_web_config_last_reload_successful"
    with protected(path, "--web.enable-lifecycle") as exported:
        url = f"{exported.url}/metrics"
        exported.process.wait_for_line("event=basic_auth_without_tls")
        assert curl(url)[0] == 401
        assert curl(f"{exported.url}/-/reload", "-XPOST")[0] == 401
        assert curl(f"{exported.url}/-/ready")[0] in (200, 503)
        allowed = ("-u", f"prometheus:{PASSWORD}")
        assert f"{reloaded} 1.0" in curl(url, *allowed)[1]

        write(path, users={"prometheus": PASSWORD})
        exported.process.wait_for_line("web_config_reload_failed.*must be a bcrypt hash")
        status, answer = curl(url, *allowed)
        assert (status, f"{reloaded} 0.0" in answer) == (200, True)
        assert 'aiozpin_exporter_web_refusals_total{reason="password"} 2.0' in answer

        write(path, users={"somebody": HASH})
        exported.process.wait_for_line("web_config_reloaded")
        assert curl(url, *allowed)[0] == 401
        assert curl(url, "-u", f"somebody:{PASSWORD}")[0] == 200
        assert exported.process.stop() == 0
        log = "\n".join(exported.process.lines)
        assert PASSWORD not in log
        assert HASH not in log


@pytest.mark.parametrize("versions", ["", "max_version: TLS12, "])
def test_the_health_check_speaks_tls_and_needs_no_client_certificate(
    tmp_path: Path, authority: Authority, versions: str
) -> None:
    authority.issue("server")
    clients = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.crt"
    tls = f"tls_server_config: {{{versions}cert_file: server.crt, key_file: server.key, {clients}}}\n"
    with protected(write(tmp_path / "web.yml", tls=tls)) as exported:
        url = f"https://127.0.0.1:{port_of(exported.url)}/-/healthy"
        command = [*EXPORTER, "healthcheck", url]
        ran = run_to_end(command)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "healthy\n", "")
        plain = [*EXPORTER, "healthcheck", url.replace("https", "http")]
        ran = run_to_end(plain)
        assert (ran.returncode, "requires HTTPS" in ran.stderr) == (1, True)


def test_500_slow_clients_prevent_no_scrape(tmp_path: Path, authority: Authority) -> None:
    authority.issue("server")
    tls = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
    with protected(write(tmp_path / "web.yml", tls=tls)) as exported, ExitStack() as stack:
        address = ("127.0.0.1", port_of(exported.url))
        sent = (b"", b"\x16\x03\x01")
        statuses = []
        for number in range(500):
            client = stack.enter_context(socket.create_connection(address))
            client.sendall(sent[number % 2])
            if number % 25 == 24:
                statuses.append(curl(f"{exported.url}/metrics", "-k")[0])
        assert statuses == [200] * 20
        answer = curl(f"{exported.url}/metrics", "-k")[1]
        refused = re.search(r'web_refusals_total\{reason="crowded"\} (\S+)', answer)
        assert refused is not None
        assert float(refused[1]) > 200
        assert len([*Path(f"/proc/{exported.process.popen.pid}/fd").iterdir()]) < 2 * 256
        assert exported.process.stop() == 0
        assert not any("rror" in line for line in exported.process.lines if "poll" not in line)
