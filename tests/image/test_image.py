import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dev.project import REPOSITORY
from pin_exporter import __version__
from tests.image.conftest import CREATED, REVISION, SECRET, Build, Start
from tests.image.containers import HERE, Container
from tests.image.store import Store
from tests.support.processes import RunningSimulator, simulator, wait_for

pytestmark = pytest.mark.image

MIB = 2**20
MAX_ENVIRONMENT_BYTES = 25 * 10**6
MAX_IDLE_BYTES = 64 * MIB
UP = 'aiozpin_up{account="default"}'
INVENTORY = 'aiozpin_inventory_consistent{account="default"}'
KEYS = "/run/secrets/pin-exporter"


def inspected(store: Store, image: str) -> dict[str, Any]:
    ran = subprocess.run([*store.podman, "image", "inspect", image], capture_output=True, check=True)
    description: dict[str, Any] = json.loads(ran.stdout)[0]
    return description


def inside(store: Store, image: str, script: str) -> str:
    """Run a shell script in the image as root and return its output."""
    command = [
        *store.podman, "run", "--rm", *HERE, "--user=0", "--entrypoint=sh", image, "-c", script,
    ]  # fmt: skip
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_user_entrypoint_port_and_health_check_are_configured(store: Store, image: str) -> None:
    description = inspected(store, image)
    config = description["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["pin-exporter"]
    assert not config.get("Cmd")
    assert config["StopSignal"] in ("SIGTERM", "15")
    assert config["ExposedPorts"] == {"10242/tcp": {}}
    assert description["HealthCheck" if "HealthCheck" in description else "Healthcheck"]["Test"] == [
        "CMD",
        "pin-exporter",
        "healthcheck",
    ]
    assert f"PIN_EXPORTER_BUILD_REVISION={REVISION}" in config["Env"]


def test_the_labels_are_those_of_the_build(store: Store, image: str) -> None:
    prefix = "org.opencontainers.image."
    labels = {
        name.removeprefix(prefix): value
        for name, value in inspected(store, image)["Config"]["Labels"].items()
        if name.startswith(prefix)
    }
    assert labels["version"] == __version__
    assert labels["revision"] == REVISION
    assert labels["created"] == CREATED
    assert labels["source"] == REPOSITORY
    assert labels["licenses"] == "Apache-2.0"


def test_only_the_package_of_the_working_directory_is_in_the_image(store: Store, image: str) -> None:
    assert inside(store, image, f"grep -rl {SECRET} /opt /src /tmp /root /home 2>/dev/null || true") == ""
    assert (
        inside(store, image, "find / -xdev -name decoy.pyc -o -xdev -name '.env' -o -xdev -name pip.conf")
        == ""
    )
    assert inside(store, image, "ls -d /src /wheels 2>/dev/null || true") == ""


def test_any_user_can_read_the_files_and_only_root_can_change_them(store: Store, image: str) -> None:
    files = "/opt/pin-exporter"
    assert inside(store, image, f"find {files} ! -user root -o ! -type l -perm /022") == ""
    assert inside(store, image, f"find {files} ! -type l ! -perm -444 -o -type d ! -perm -555") == ""


def test_every_module_has_unchecked_bytecode(store: Store, image: str) -> None:
    script = """
import importlib.util, pathlib, sysconfig
for source in pathlib.Path("/opt/pin-exporter/lib").rglob("*.py"):
    cached = pathlib.Path(importlib.util.cache_from_source(str(source)))
    # PEP 552: flag 1 is an unchecked hash.
    if not cached.exists() or cached.read_bytes()[4:8] != bytes([1, 0, 0, 0]):
        print(source)
"""
    assert inside(store, image, f"python - <<'end'\n{script}\nend") == ""


def test_the_environment_is_small_without_pip_and_debug_symbols(store: Store, image: str) -> None:
    size = int(inside(store, image, "du -sb /opt/pin-exporter").split()[0])
    assert size <= MAX_ENVIRONMENT_BYTES
    assert inside(store, image, "cd /opt/pin-exporter/lib/*/site-packages && ls -d pip pip-* || true") == ""
    libraries = "find /opt/pin-exporter -name '*.so' -exec readelf --wide --sections {} +"
    assert ".text" in inside(store, image, libraries)
    assert ".debug_info" not in inside(store, image, libraries)


def test_the_same_commit_gives_the_same_layers(store: Store, image: str, build: Build) -> None:
    first, second = (inspected(store, built)["RootFS"]["Layers"] for built in (image, build("again")))
    assert first == second


@pytest.mark.parametrize("user", ["65532:65532", "1000680000:0"])
def test_the_demo_runs_restricted_as_any_user(start: Start, user: str) -> None:
    container = start("demo", user=user)
    container.wait_until_healthy()
    wait_for(lambda: container.value('aiozpin_files{account="media-archive"}'), "the first poll")
    status = container.status()
    assert status["Uid"].split() == [user.partition(":")[0]] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert container.inspect(".HostConfig.ReadonlyRootfs") == "true"
    assert f'revision="{REVISION}"' in container.metrics()


def test_the_demo_stays_below_its_memory_limit(start: Start) -> None:
    container = start("demo")
    container.wait_until_healthy()
    assert container.inspect(".HostConfig.Memory") == str(96 * MIB)
    wait_for(lambda: container.value('aiozpin_inventory_consistent{account="media-archive"}'), "an inventory")
    for _ in range(3):
        assert container.is_healthy()
    assert container.inspect(".State.OOMKilled") == "false"


@pytest.mark.parametrize("word", ["demo", "serve"])
def test_sigterm_ends_the_container_within_two_seconds(start: Start, word: str) -> None:
    container = start(word, env=unreachable())
    container.wait_until_healthy()
    assert container.ask("stop", "--time=2").returncode == 0
    assert container.inspect(".State.ExitCode") == "0", "killed after two seconds"


def unreachable() -> dict[str, str]:
    return {
        "PIN_EXPORTER_API_KEY": "a-key-for-tests",
        "PIN_EXPORTER_SECRET_KEY": "a-secret-for-tests",
        "PIN_EXPORTER_BASE_URL": "http://127.0.0.1:9/api",
    }


def test_an_exporter_that_hangs_is_unhealthy(start: Start) -> None:
    container = start(env=unreachable())
    container.wait_until_healthy()
    os.kill(int(container.inspect(".State.Pid")), signal.SIGSTOP)
    assert not container.is_healthy()


def test_without_keys_the_container_exits_with_2_and_a_hint(start: Start) -> None:
    container = start()
    assert container.ask("wait").stdout.strip() == "2"
    (line,) = container.ask("logs").stdout.splitlines()
    assert line.startswith("pin-exporter: no account: set PIN_EXPORTER_API_KEY")


def on_key_files(start: Start, simulated: RunningSimulator, folder: Path) -> Container:
    folder.chmod(0o755)  # for the user of the container
    for name, key in simulated.keys["default"].items():
        if name.endswith("_KEY"):
            (folder / name).write_text(key)
    return start(
        env={
            "PIN_EXPORTER_API_KEY_FILE": f"{KEYS}/PIN_EXPORTER_API_KEY",
            "PIN_EXPORTER_SECRET_KEY_FILE": f"{KEYS}/PIN_EXPORTER_SECRET_KEY",
            "PIN_EXPORTER_BASE_URL": simulated.base_url,
            "PIN_EXPORTER_POLL_INTERVAL": "1s",
        },
        options=[f"--volume={folder}:{KEYS}:ro"],
    )


def test_keys_in_a_mounted_folder_are_rotated_without_a_restart(start: Start, tmp_path: Path) -> None:
    with simulator("--pins=100") as simulated:
        container = on_key_files(start, simulated, tmp_path)
        container.wait_until_healthy()
        wait_for(lambda: container.value(UP) == 1, "the first poll")
        simulated.change("default", keys={"api_key": "new-key", "secret_key": "new-secret"})
        wait_for(lambda: container.value(UP) == 0, "the old keys to be refused")
        for name, key in {"API": "new-key", "SECRET": "new-secret"}.items():
            fresh = tmp_path / f"{name}.new"
            fresh.write_text(key)
            fresh.rename(tmp_path / f"PIN_EXPORTER_{name}_KEY")
        wait_for(lambda: container.value(UP) == 1, "the new keys to be used")
        logs = container.ask("logs").stdout
        assert "new-key" not in logs
        assert "new-secret" not in logs


def test_an_idle_exporter_needs_little_memory(start: Start, tmp_path: Path) -> None:
    with simulator("--pins=10000") as simulated:
        container = on_key_files(start, simulated, tmp_path)
        container.wait_until_healthy()
        wait_for(lambda: container.value(INVENTORY), "an inventory")
        resident = container.value("process_resident_memory_bytes")
    assert resident is not None
    assert resident <= MAX_IDLE_BYTES
