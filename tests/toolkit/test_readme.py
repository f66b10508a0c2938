import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

import pin_exporter.toolkit
from tests.support.processes import PATIENCE_SECONDS, free_port, wait_for

FOLDER = Path(pin_exporter.toolkit.__file__).parent
README = (FOLDER / "README.md").read_text("utf-8")


def test_the_example_serves_its_metrics_until_sigterm(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(.+?)^```", README, re.MULTILINE | re.DOTALL)
    address = f"127.0.0.1:{free_port()}"
    program = tmp_path / "rooms.py"
    program.write_text(example.replace("127.0.0.1:9876", address), "utf-8")
    with subprocess.Popen([sys.executable, program], stderr=subprocess.PIPE, text=True) as process:
        try:

            def get() -> httpx.Response | None:
                assert process.poll() is None
                try:
                    return httpx.get(f"http://{address}/metrics", trust_env=False)
                except httpx.ConnectError:
                    return None

            response = wait_for(get, "the example to serve")
        finally:
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=PATIENCE_SECONDS)[1]
    assert (process.returncode, errors) == (0, "")
    assert response.text == (
        "# HELP room_celsius Temperature of a room.\n"
        "# TYPE room_celsius gauge\n"
        'room_celsius{room="kitchen"} 21.5\n'
        'room_celsius{room="cellar"} 11.0\n'
    )


def test_the_tables_list_every_module() -> None:
    listed = {
        name for row in re.findall(r"^\| (`.+?) \|", README, re.MULTILINE) for name in row.split("`")[1::2]
    }
    modules = {path.stem for path in FOLDER.rglob("*.py")} - {"__init__"}
    assert listed == modules
