"""Tools that tests need and users may not have: skip without them, but never in CI."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def require_tool(name: str, package: str) -> str:
    """Return the tool's path; skip the test where it is missing, fail it in CI."""
    path = shutil.which(name)
    if path is None:
        do_without(f"{name} is not installed (Debian package {package})")
    return path


def do_without(told: str) -> NoReturn:
    """Skip the test, but fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


def run_promtool(directory: Path, *arguments: str) -> None:
    """Run promtool in a directory; fail with what it says."""
    promtool = require_tool("promtool", "prometheus")
    ran = subprocess.run([promtool, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
