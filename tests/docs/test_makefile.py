import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.environment import clean
from tests.support.tools import require_tool

MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.mark.parametrize(
    ("file", "variables", "command"),
    [
        (None, {}, "demo"),
        ("", {}, "demo"),
        ("PIN_EXPORTER_LOG_LEVEL=debug\nOTHER=1\n", {"PIN_EXPORTER_WEB_LISTEN_ADDRESS": ":1"}, "demo"),
        ("# PIN_EXPORTER_API_KEY=k\n", {}, "demo"),
        ("PIN_EXPORTER_LOG_LEVEL=debug\nPIN_EXPORTER_API_KEY=k\n", {}, "serve"),
        (" export  PIN_EXPORTER_BASE_URL=http://127.0.0.1:1\n", {}, "serve"),
        (None, {"PIN_EXPORTER_CONFIG_FILE": "c.yml"}, "serve"),
    ],
)
def test_make_run_starts_the_demo_unless_an_account_is_configured(
    file: str | None,
    variables: dict[str, str],
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = require_tool("make", "make")
    clean(monkeypatch)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/run.txt").touch()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for made in ("python", "run"):
        (tmp_path / ".venv" / made).touch()
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    if file is not None:
        (tmp_path / ".env").write_text(file)

    # Without the variables of the make that runs these tests, such as another VENV.
    own = {name: value for name, value in os.environ.items() if not re.match("M(AKE|FLAGS)", name)}
    ran = subprocess.run(
        [make, "--no-print-directory", "-f", MAKEFILE, "run"],
        cwd=tmp_path,
        env={**own, **variables},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == f"-m pin_exporter {command}\n"
