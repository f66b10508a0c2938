import socket
import subprocess
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from pin_exporter.commands import healthcheck
from pin_exporter.config.settings import Settings
from tests.support.processes import exporter

OK = b"HTTP/1.1 200 OK\r\n\r\nhealthy\n"
SECRET = "Zq7Wm4XkPd9"


@contextmanager
def answering(response: bytes, host: str = "127.0.0.1") -> Iterator[tuple[str, list[bytes]]]:
    """Answer one connection; yield the URL without a path, and what was received."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    received: list[bytes] = []
    with socket.create_server((host, 0), family=family) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(connection.recv(1_024))
                connection.sendall(response)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.getsockname()[1]}", received
        thread.join(timeout=10)


def check(url: str) -> int:
    parser = ArgumentParser()
    healthcheck.add_arguments(parser)
    return healthcheck.run(parser.parse_args([url]), timeout_seconds=0.2)


def test_the_default_is_the_default_address_of_the_exporter() -> None:
    parser = ArgumentParser()
    healthcheck.add_arguments(parser)
    (address,) = Settings.model_fields["web_listen_address"].default
    assert parser.parse_args([]).url.geturl() == f"http://127.0.0.1{address}/-/healthy"


@pytest.mark.parametrize(
    ("path", "requested"), [("/-/healthy", b"/-/healthy"), ("/-/ready", b"/-/ready"), ("", b"/-/healthy")]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_status_200_is_healthy(
    host: str, path: str, requested: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(OK, host) as (url, received):
        assert healthcheck.main([url + path]) == 0
    assert capsys.readouterr() == ("healthy\n", "")
    assert received[0].startswith(b"GET %s HTTP/1.0\r\nHost: " % requested)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\naccount a: stuck\nand more\n", "503"),
        (
            b"HTTP/1.1 503 Service Unavailable\r\n\r\naccount a: stuck\nand more\n",
            "account a: stuck; and more",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "302 Found"),
        (b"HTTP/1.1 500 \x1b[2J\r\n\r\n\x1b]0;x\x07\xe2\x80\xae\n", "500 ?[2J; ?]0;x?"),
        (b"", "without a response"),
        (b"\xff 200", "not HTTP"),
        (b"x" * 9_999, "not HTTP"),
    ],
)
def test_any_other_response_is_not_healthy_and_shown_in_one_line(
    response: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(response) as (url, _):
        assert check(f"{url}/-/healthy") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"pin-exporter: {url}/-/healthy: ")
    assert words in err
    assert err.removesuffix("\n").isprintable()


def test_a_server_that_is_not_there_or_hangs_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound, socket.create_server(("127.0.0.1", 0)) as silent:
        bound.bind(("127.0.0.1", 0))
        for server, words in ((bound, "Connection refused"), (silent, "timed out")):
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            assert check(url) == 1
            assert capsys.readouterr() == ("", f"pin-exporter: {url}: {words}\n")


def test_a_server_that_sends_byte_by_byte_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    over = threading.Event()

    def trickle() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            while not over.wait(0.01):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert check(url) == 1
        over.set()
        thread.join()
    assert capsys.readouterr().err == f"pin-exporter: {url}: timed out\n"


def test_a_name_that_hangs_or_is_none_is_not_healthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("http://a..b/") == 1
    over = threading.Event()

    def hang(*_: object) -> list[object]:
        over.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    assert check("http://hangs.test/") == 1
    over.set()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("pin-exporter: http://a..b/: ")
    assert second == "pin-exporter: http://hangs.test/: timed out"


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "2>&- >&-"])
def test_nobody_needs_to_read_the_result(redirection: str) -> None:
    with answering(OK) as (url, _):
        command = f'exec "$0" -m pin_exporter healthcheck "$1" {redirection}'
        ended = subprocess.run(["sh", "-c", command, sys.executable, url], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    "argument",
    [
        "--no-such-flag",
        f"--api-key={SECRET}",
        SECRET,
        "ftp://a/",
        "http://",
        "http://a:x/",
        "http://a:0/",
        f"http://u:{SECRET}@a/",
    ],
)
def test_invalid_arguments_give_2_and_are_not_repeated(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        healthcheck.main([argument])
    assert SECRET not in capsys.readouterr().err


PROBE = """\
import sys
before = set(sys.modules)
from pin_exporter.__main__ import main
status = main()
ours = {"pin_exporter", *sys.stdlib_module_names}
loaded = {name.partition(".")[0] for name in sys.modules}
# Measuring coverage adds a name that is not a module's.
print(status, sorted(name for name in loaded - ours - before if name.isidentifier()))
print("http" in loaded, "ssl" in loaded, "asyncio" in loaded)
"""


def test_an_exporter_is_healthy_and_nothing_large_is_imported_to_find_that_out() -> None:
    nowhere = {
        "PIN_EXPORTER_BASE_URL": "http://127.0.0.1:9/api",
        "PIN_EXPORTER_API_KEY": "a-key-for-tests",
        "PIN_EXPORTER_SECRET_KEY": "a-secret-for-tests",
    }
    with exporter(nowhere) as running:
        command = [sys.executable, "-c", PROBE, "healthcheck", f"{running.url}/-/healthy"]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ended.stdout == "healthy\n0 []\nFalse False False\n"
