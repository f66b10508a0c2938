import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import clean
from tests.support.tools import require_tool

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        (None, "no account is configured: runs the demo"),
        ("pin_exporter_api_key=k\n", "pin-exporter: PIN_EXPORTER_API_KEY in .env: "),
    ],
)
def test_make_run_lets_the_program_decide_between_the_demo_and_an_account(
    file: str | None, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = require_tool("make", "make")
    clean(monkeypatch)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/run.txt").touch()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for made in ("python", "run"):
        (tmp_path / ".venv" / made).touch()
    python = tmp_path / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    if file is not None:
        (tmp_path / ".env").write_text(file)

    # Without the variables of the make that runs these tests, such as another VENV.
    own = {name: value for name, value in os.environ.items() if not re.match("M(AKE|FLAGS)", name)}
    ran = subprocess.run(
        [make, "--no-print-directory", "-f", ROOT / "Makefile", "run", "ARGS=--config.check"],
        cwd=tmp_path,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )

    assert shown in ran.stdout + ran.stderr
