"""The image, built once for all tests by `make image`, and its containers."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dev.project import ROOT
from tests.image.containers import Container, run_container
from tests.image.store import Store
from tests.support.tools import do_without, require_tool

REVISION = "0123456789abcdef0123456789abcdef01234567"
EPOCH = 1_790_000_000
CREATED = "2026-09-21T14:13:20Z"
SECRET = "a-key-that-must-not-be-in-the-image"

Build = Callable[[str], str]
Start = Callable[..., Container]


@pytest.fixture(scope="session")
def store() -> Store:
    for tool, package in {
        "buildah": "buildah",
        "podman": "podman",
        "runc": "runc",
        "mmdebstrap": "mmdebstrap",
    }.items():
        require_tool(tool, package)
    if os.geteuid() != 0:
        do_without("building a base image needs root")
    directory = ROOT / "build/image"
    directory.mkdir(parents=True, exist_ok=True)
    return Store(directory)


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working directory with the build context, and files that must not get into the image."""
    folder = tmp_path_factory.mktemp("context")
    wanted = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in [*wanted, "Dockerfile", ".dockerignore", "Makefile"]:
        if (ROOT / name).is_dir():
            # Other processes can write bytecode there.
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "pin_exporter/__pycache__").mkdir(exist_ok=True)
    for decoy in (".env", "key.txt", "pin_exporter/__pycache__/decoy.pyc"):
        (folder / decoy).write_text(SECRET)
    return folder


@pytest.fixture(scope="session")
def build(store: Store, context: Path) -> Iterator[Build]:
    """Yield a function that builds the image with a name and returns its ID."""
    # Without a timestamp, layers contain the creation times of folders.
    arguments = [*store.build_arguments(), f"--timestamp={EPOCH}"]

    def run(name: str) -> str:
        subprocess.run(
            [
                "make", "--no-print-directory", "image", f"ENGINE={' '.join(store.buildah)}", f"IMAGE={name}",
                f"REVISION={REVISION}", f"EPOCH={EPOCH}", f"CREATED={CREATED}",
                f"ARGS={' '.join(arguments)}",
            ],
            cwd=context, check=True,
        )  # fmt: skip
        inspect = [*store.podman, "image", "inspect", "--format={{.Id}}", f"localhost/{name}"]
        return subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()

    yield run
    # Images that have lost their name to this build.
    subprocess.run([*store.buildah, "rmi", "--prune"], capture_output=True, check=False)


@pytest.fixture(scope="session")
def image(build: Build) -> str:
    """Return the ID of the image."""
    return build("pin-exporter")


@pytest.fixture
def start(store: Store, image: str) -> Iterator[Start]:
    """Yield a function that starts containers; they are removed at the end of the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **given: stack.enter_context(
            run_container(store.podman, image, *arguments, **given)
        )
