"""Headless Chromium, controlled over its debugging pipe."""

import base64
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from tests.support.processes import PATIENCE_SECONDS
from tests.support.tools import require_tool

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


@dataclass
class Browser:
    """One tab. `complaints` are the console messages and errors since the page was opened."""

    commands: int
    replies: int
    session: str | None = None
    complaints: list[str] = field(default_factory=list)
    _buffer: bytes = b""
    _last: int = 0
    _loaded: bool = False

    def open(
        self, url: str, *, width: int = 1280, height: int = 900, scheme: str = "light", print_: bool = False
    ) -> None:
        """Show a page in a window of this size, with the preferred color scheme."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask(
            "Emulation.setEmulatedMedia",
            media="print" if print_ else "",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.complaints.clear()
        self._loaded = False
        self.ask("Page.navigate", url=url)
        while not self._loaded:
            self._take(self._read())

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression on the page."""
        reply = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Save a PNG of the page."""
        reply = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(reply["data"]))

    def pdf(self, path: Path) -> None:
        """Save the page as it would be printed."""
        path.write_bytes(base64.b64decode(self.ask("Page.printToPDF", preferCSSPageSize=True)["data"]))

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and return its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        sent = message if self.session is None else {**message, "sessionId": self.session}
        data = json.dumps(sent).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data) :]
        while True:
            reply = self._read()
            if reply.get("id") == self._last:
                assert "error" not in reply, f"{method}: {reply['error']}"
                result: dict[str, Any] = reply["result"]
                return result
            self._take(reply)

    def _take(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(parameters))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self.replies, 2**20)
            assert data, "Chromium has ended or timed out"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        reply: dict[str, Any] = json.loads(message)
        return reply


def _pipe() -> tuple[int, int]:
    """Make a pipe whose descriptors do not collide with those that Chromium uses."""
    low = os.pipe()
    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low)
    for end in low:
        os.close(end)
    return read, write


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium with one tab and a temporary profile."""
    binary = shutil.which("google-chrome") or require_tool("chromium", "chromium")
    theirs, commands = _pipe()
    replies, ours = _pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium reads commands from descriptor 3 and writes replies to 4.
        script = f'exec "$0" "$@" 3<&{theirs} 4>&{ours}'
        popen = subprocess.Popen(
            ["bash", "-c", script, binary, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs, ours),
            start_new_session=True,
            env={**os.environ, "TZ": "UTC"},
        )
        os.close(theirs)
        os.close(ours)
        timer = Timer(4 * PATIENCE_SECONDS, popen.kill)
        timer.start()
        try:
            browser = Browser(commands, replies)
            target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
            attached = browser.ask("Target.attachToTarget", targetId=target, flatten=True)
            browser.session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                browser.ask(f"{domain}.enable")
            yield browser
        finally:
            timer.cancel()
            os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
            os.close(commands)
            os.close(replies)
