"""The rendered settings, flags and probes, tried on the exporter itself."""

import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from pin_exporter.config.accounts import Account, accounts_of
from pin_exporter.config.loader import load_settings
from tests.chart.helm import CI_VALUES, SECRET, Helm, Object, config_of, container, only, pod, read_yaml
from tests.support.processes import free_port, run_to_end, running, simulator, wait_for

MOUNTED = "/etc/pin-exporter"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def mount(objects: list[Object], directory: Path, keys: dict[str, str]) -> Path:
    """Put config and files where the pod would have them, and return the path of the config file.

    `keys` are the contents of files in Secrets that the chart does not create, by file name.
    """
    paths = {mounted["name"]: mounted["mountPath"] for mounted in container(objects)["volumeMounts"]}
    ours = {found["metadata"]["name"]: found["data"] for found in objects if found["kind"] == "ConfigMap"}
    for volume in pod(objects)["volumes"]:
        mounted = directory / paths[volume["name"]].removeprefix(f"{MOUNTED}/")
        for source in volume.get("projected", {}).get("sources", ()):
            (kind,) = source
            for item in source[kind]["items"]:
                path = mounted / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                content = ours.get(source[kind]["name"], {}).get(item["key"]) if kind == "configMap" else None
                path.write_text(content or keys.get(path.name, f"made-up-{item['key']}"))
    config = directory / "config" / "config.yml"
    config.parent.mkdir()
    text = config_of(objects).replace(MOUNTED, str(directory))
    for path in re.findall(rf'_key_file: "(?!{directory})/([^"]+)"', text):
        # In a volume of the user's own.
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text("made-up")
        text = text.replace(f'"/{path}"', f'"{directory / path}"')
    config.write_text(text)
    return config


def accounts(helm: Helm, values: dict[str, Any], directory: Path) -> list[Account]:
    """Return the accounts as the exporter understands what is rendered."""
    config = mount(helm.template(values), directory, {})
    return list(accounts_of(load_settings({"config_file": config})))


@pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.name)
def test_the_exporter_takes_the_configuration_of_each_way_to_install(
    helm: Helm, path: Path, tmp_path: Path
) -> None:
    values = read_yaml(path)
    if values.get("demo"):
        assert container(helm.template(values))["args"][0] == "demo"
        return
    expected = [entry["name"] for entry in values.get("accounts", ())]
    found = accounts(helm, values, tmp_path)
    assert [account.name for account in found] == (
        expected or [values["credentials"].get("account", "default")]
    )
    files = [file for account in found for file in (account.expected_cids_file, account.gateway_token_file)]
    assert all(file.is_file() for file in files if file)


def test_settings_arrive_as_they_were_meant(each_helm: Helm, tmp_path: Path) -> None:
    values = {
        "accounts": [
            {"name": "a", "existingSecret": "s", "config": {"size_limit": 2_000_000_000_000}},
            {"name": "b", "existingSecret": "s", "config": {"poll_interval": "15m", "size_limit": None}},
        ],
        "config": {
            "poll_interval": 300,
            "request_timeout": 2.5,
            "base_url": "https://h/a&b",
        },
    }
    a, b = accounts(each_helm, values, tmp_path)
    assert (a.size_limit, b.size_limit) == (2_000_000_000_000, None)
    assert (a.poll_interval, b.poll_interval) == (300, 900)
    assert a.request_timeout == 2.5
    assert a.base_url == "https://h/a&b"


def test_a_large_number_given_on_the_command_line_stays_whole(each_helm: Helm, tmp_path: Path) -> None:
    objects = each_helm.template(SECRET, "--set=config.size_limit=2000000000000")
    (account,) = accounts_of(load_settings({"config_file": mount(objects, tmp_path, {})}))
    assert account.size_limit == 2_000_000_000_000


def try_pod(objects: list[dict[str, Any]], directory: Path) -> str:
    """Run the pod's command, ask its probes, scrape it as the test hook does, and return its metrics."""
    exporter = container(objects)
    arguments = [argument.replace(MOUNTED, str(directory)) for argument in exporter["args"]]
    url = f"http://127.0.0.1:{exporter['ports'][0]['containerPort']}"
    with running([sys.executable, "-m", "pin_exporter", *arguments]) as process:

        def answers(path: str) -> bool:
            try:
                return httpx.get(f"{url}{path}").status_code == 200
            except httpx.TransportError:
                assert process.popen.poll() is None, process.lines
                return False

        for probe in PROBES:
            path = exporter[probe]["httpGet"]["path"]
            wait_for(lambda path=path: answers(path), path)  # type: ignore[misc]
        hook = only(objects, "Pod")["spec"]["containers"][0]["command"]
        path = "/" + hook[-4].removeprefix("http://").partition("/")[2]
        scraped = run_to_end([sys.executable, *hook[1:-4], f"{url}{path}", *hook[-3:]])
        assert scraped.returncode == 0, scraped.stderr
        assert "lines of metrics" in scraped.stdout
        return httpx.get(f"{url}{path}").text


def test_the_demonstration_runs_as_rendered(helm: Helm, tmp_path: Path) -> None:
    config = {"web_telemetry_path": "/pin/metrics", "log_format": "json", "log_level": "warning"}
    values = {"demo": {"enabled": True}, "containerPort": free_port(), "config": config}
    assert 'aiozpin_up{account="media-archive"} 1.0' in try_pod(helm.template(values), tmp_path)


def test_an_account_is_polled_as_rendered(helm: Helm, tmp_path: Path) -> None:
    with simulator() as simulated:
        name, variables = next(iter(simulated.keys.items()))
        keys = {
            "api-key": variables["PIN_EXPORTER_API_KEY"],
            "secret-key": variables["PIN_EXPORTER_SECRET_KEY"],
        }
        values = {
            "credentials": {"existingSecret": "s", "account": name},
            "containerPort": free_port(),
            "config": {"base_url": simulated.base_url, "poll_interval": "1s"},
        }
        objects = helm.template(values)
        mount(objects, tmp_path, keys)
        assert f'aiozpin_up{{account="{name}"}} 1.0' in try_pod(objects, tmp_path)


def test_the_hook_fails_on_what_is_no_exporter(helm: Helm) -> None:
    hook = only(helm.template({"demo": {"enabled": True}}), "Pod")["spec"]["containers"][0]["command"]
    with simulator() as simulated:
        url = simulated.base_url.removesuffix("/api") + "/control/accounts"
        command = [sys.executable, *hook[1:-4], url, *hook[-3:]]
        done = run_to_end(command)
    assert done.returncode == 1
    assert "not as pin-exporter" in done.stderr
