"""compose.yaml as Docker Compose loads it, and Prometheus with the configuration that it mounts."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from dev.project import ROOT
from tests.support.processes import exporter, free_port, running, simulator, wait_for
from tests.support.tools import do_without, require_tool

pytestmark = pytest.mark.slow

TOOLS: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pin-exporter"
SERVICES: Final = ("exporter", "prometheus", "grafana")
COPY: Final = "copy-of-compose"
SECRET: Final = "Zq7Wm4XkPd9"

Model = dict[str, Any]


def load(directory: Path) -> Model:
    """Return the compose file of a directory, validated and completed by Docker Compose's loader."""
    tool = next(iter(sorted(TOOLS.glob("compose-go-v*/cmd"), reverse=True)), None)
    if tool is None:
        do_without("Docker Compose's loader is missing: run `make compose-tools`")
    ran = subprocess.run(
        [tool, "-format=json", "compose.yaml"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    model: Model = json.loads(ran.stdout)
    return model


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Model]:
    """Return the services without a file .env, which the working directory can have."""
    directory = tmp_path_factory.mktemp(COPY, numbered=False)
    shutil.copy(ROOT / "compose.yaml", directory)
    found: Mapping[str, Model] = load(directory)["services"]
    return found


@functools.cache
def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_other_images_are_pinned_to_a_version(services: Mapping[str, Model], name: str) -> None:
    assert re.fullmatch(r"docker\.io/\w+/\w+:v?\d+\.\d+\.\d+", services[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_restricted_and_listens_on_loopback(
    services: Mapping[str, Model], name: str
) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert [port["host_ip"] for port in service["ports"]] == ["127.0.0.1"]


def test_mounted_files_exist_and_are_read_only(services: Mapping[str, Model]) -> None:
    binds = [
        mount
        for service in services.values()
        for mount in service.get("volumes", ())
        if mount["type"] == "bind"
    ]
    sources = {Path(mount["source"]).as_posix().partition(f"{COPY}/")[2] for mount in binds}
    assert len(sources) == len(binds) == 5
    assert not [source for source in sources if not (ROOT / source).is_file()]
    assert all(mount["read_only"] for mount in binds)


def mounted(service: Model) -> dict[str, str]:
    """Return the names of the files mounted into a service, by their paths in the container."""
    return {
        mount["target"]: Path(mount["source"]).name for mount in service["volumes"] if mount["type"] == "bind"
    }


def test_prometheus_finds_its_configuration_and_the_rules(services: Mapping[str, Model]) -> None:
    (configuration,) = (
        word.partition("=")[2]
        for word in services["prometheus"]["command"]
        if word.startswith("--config.file=")
    )
    files = mounted(services["prometheus"])
    assert files[configuration] == "prometheus.yml"
    for name in read("compose/prometheus.yml")["rule_files"]:
        assert files[f"{Path(configuration).parent}/{name}"] == "rules.yml"


def test_prometheus_and_grafana_use_the_names_and_ports_of_the_services(
    services: Mapping[str, Model],
) -> None:
    (scrape,) = read("compose/prometheus.yml")["scrape_configs"]
    (target,) = scrape["static_configs"][0]["targets"]
    assert target == "exporter" + services["exporter"]["environment"]["PIN_EXPORTER_WEB_LISTEN_ADDRESS"]
    (source,) = read("compose/datasource.yml")["datasources"]
    assert source["url"] == f"http://prometheus:{services['prometheus']['ports'][0]['target']}"
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    interval = read("compose/prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval


def test_the_dashboard_is_provisioned_and_grafanas_home_page(
    services: Mapping[str, Model],
) -> None:
    grafana = services["grafana"]
    (provider,) = read("grafana/provisioning/dashboards/aioz-pin.yml")["providers"]
    path = f"{provider['options']['path']}/dashboard.json"
    assert mounted(grafana)[path] == "dashboard.json"
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == path


def test_there_is_no_default_password(services: Mapping[str, Model]) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert not [name for name in environment if "PASSWORD" in name]


def test_only_the_exporter_gets_the_keys_in_dotenv(tmp_path: Path) -> None:
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    (tmp_path / ".env").write_text(f"PIN_EXPORTER_API_KEY={SECRET}\n")
    found = load(tmp_path)["services"]
    assert found["exporter"]["env_file"] == [{"path": f"{tmp_path}/.env", "required": False}]
    assert not [name for name in ("prometheus", "grafana") if "env_file" in found[name]]
    assert SECRET not in json.dumps(found)


def test_the_program_decides_between_the_demo_and_an_account(services: Mapping[str, Model]) -> None:
    exporter = services["exporter"]
    assert exporter["command"] == ["--or-demo"]
    assert exporter.get("entrypoint") is None
    variables = exporter["environment"]
    ran = subprocess.run(
        [sys.executable, "-m", "pin_exporter", *exporter["command"], "--config.check"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "no account is configured: runs the demo\n"


def test_prometheus_scrapes_the_exporter_and_evaluates_the_rules_with_this_configuration(
    tmp_path: Path,
) -> None:
    binary = require_tool("prometheus", "prometheus")
    shutil.copy(ROOT / "grafana/rules.yml", tmp_path)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with simulator("--pins=100") as simulated, exporter(simulated.keys["default"]) as exported:
        target = exported.url.removeprefix("http://")
        configuration = (ROOT / "compose/prometheus.yml").read_text()
        assert configuration.count("exporter:10242") == 1
        # Only target and intervals differ from compose.
        configuration = configuration.replace("exporter:10242", target).replace(": 15s", ": 1s")
        (tmp_path / "prometheus.yml").write_text(configuration)
        command = [binary, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
        with running([*command, f"--web.listen-address=127.0.0.1:{port}"]) as process:
            process.wait_for_line("Server is ready")

            def ask(expression: str) -> list[Model]:
                response = httpx.get(f"{url}/api/v1/query", params={"query": expression})
                response.raise_for_status()
                found: list[Model] = response.json()["data"]["result"]
                return found

            wait_for(lambda: ask('aiozpin_files{job="aioz-pin",account="default"} == 100'), "a scrape")
            wait_for(lambda: ask("aiozpin:alert_threshold"), "a recorded rule")
            groups = httpx.get(f"{url}/api/v1/rules").json()["data"]["groups"]
    expected = {group["name"] for group in read("grafana/rules.yml")["groups"]}
    assert {group["name"] for group in groups} == expected
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
