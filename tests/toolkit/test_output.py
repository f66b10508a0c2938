import subprocess
import sys

import pytest

from tests.support.environment import clean, set_variables

CHECK = "$EXPORTER --config.check"
FULL = "pin-exporter: standard output cannot be written: No space left on device\n"
CLOSED = "pin-exporter: standard output is closed: open it\n"


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        (f"{CHECK} >/dev/full", 2, FULL),
        (f"{CHECK} >&-", 2, CLOSED),
        (f"{CHECK} | true", 0, ""),
        ("$EXPORTER doctor >&-", 2, CLOSED),
    ],
)
def test_an_output_that_takes_nothing_is_told_in_one_line(
    command: str, status: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(monkeypatch)
    set_variables(monkeypatch, api_key="key-in-a-test", secret_key="secret-in-a-test")
    monkeypatch.setenv("EXPORTER", f"{sys.executable} -m pin_exporter")
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (status, told)
