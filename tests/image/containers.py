"""Containers of the image, with the restrictions that Kubernetes can apply."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.processes import free_port, wait_for

RESTRICTED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=96m",
    "--memory-swap=96m",
)
HERE = (
    "--pull=never",
    "--network=host",  # traffic stays on loopback: every address is 127.0.0.1
    "--health-interval=disable",  # needs systemd; the tests run the health check themselves
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1024:1024",
)


@dataclass(frozen=True)
class Container:
    """A running container."""

    podman: Sequence[str]
    id: str
    url: str

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a podman command on the container."""
        command, *rest = arguments
        return subprocess.run(
            [*self.podman, command, *rest, self.id],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def inspect(self, field: str) -> str:
        """Return a field of `podman inspect`."""
        return self.ask("inspect", f"--format={{{{{field}}}}}").stdout.strip()

    def status(self) -> Mapping[str, str]:
        """Return /proc/PID/status of the first process."""
        lines = Path(f"/proc/{self.inspect('.State.Pid')}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def is_healthy(self) -> bool:
        """Run the health check."""
        return subprocess.run(
            [*self.podman, "healthcheck", "run", self.id], capture_output=True, check=False
        ).returncode == 0  # fmt: skip

    def value(self, series: str) -> float | None:
        """Scrape it and return the value of a series."""
        prefix = f"{series} "
        lines = (line for line in self.metrics().splitlines() if line.startswith(prefix))
        return next((float(line.removeprefix(prefix)) for line in lines), None)

    def metrics(self) -> str:
        """Scrape it."""
        response = httpx.get(f"{self.url}/metrics")
        response.raise_for_status()
        return response.text

    def wait_until_healthy(self) -> None:
        """Wait until the health check succeeds."""
        try:
            wait_for(self.is_healthy, "a healthy container")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.ask('logs').stdout}") from None


@contextmanager
def run_container(
    podman: Sequence[str],
    image: str,
    *arguments: str,
    user: str = "65532:65532",
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Container]:
    """Run the image; exporter and health check use a free port of 127.0.0.1."""
    address = f"127.0.0.1:{free_port()}"
    variables = {"PIN_EXPORTER_WEB_LISTEN_ADDRESS": address, **(env or {})}
    health = json.dumps(["pin-exporter", "healthcheck", f"http://{address}/-/healthy"])
    command = [
        *podman, "run", "--detach", *HERE, *RESTRICTED, f"--user={user}", f"--health-cmd={health}",
        *(f"--env={name}={value}" for name, value in variables.items()), *options, image, *arguments,
    ]  # fmt: skip
    started = subprocess.run(command, capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stderr
    container = Container(podman, started.stdout.strip(), f"http://{address}")
    try:
        yield container
    finally:
        container.ask("rm", "--force", "--time=0")
