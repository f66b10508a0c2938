"""Programs that tests need: without them a test is skipped, except in CI."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, NoReturn

import pytest

TOOLS: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pin-exporter"
"""Where make builds tools with Go."""


def require_tool(name: str, package: str) -> str:
    """Return the program's path; skip the test if it is missing, fail it in CI."""
    path = shutil.which(name)
    if path is None:
        do_without(f"{name} is not installed (Debian package {package})")
    return path


def built_tool(name: str) -> Path:
    """Return a program that Go has built for the tests; skip the test if it is missing, fail it in CI."""
    found = sorted(TOOLS.glob(f"{name}-v*/{name}"))
    if not found:
        do_without(f"{name} is missing: run `make collector-test`")
    return found[-1]


def do_without(reason: str) -> NoReturn:
    """Skip the test; fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def run_promtool(directory: Path, *arguments: str) -> None:
    """Run promtool in a directory; fail with its output."""
    promtool = require_tool("promtool", "prometheus")
    ran = subprocess.run([promtool, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
