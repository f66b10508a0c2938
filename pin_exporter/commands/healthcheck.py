"""The command `healthcheck`: request `/-/healthy` from an exporter.

Containers run this every half minute beside the exporter and within its memory limit, so it imports little:
not even http.client, which takes 7 MB.
"""

import argparse
import re
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pin_exporter import PROGRAM

_DEFAULT_URL: Final = "http://127.0.0.1:10242/-/healthy"
_TIMEOUT_SECONDS: Final = 3.0
_MAX_RESPONSE_BYTES: Final = 2_000
_EPILOG: Final = """\
TLS certificates are not verified. If the exporter requires a client certificate, it counts as healthy when it
answers the TLS handshake.

exit status: 0 healthy, 1 not healthy, 2 invalid arguments
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command alone: the whole command line takes longer to import than this takes to run."""
    parser = argparse.ArgumentParser(
        f"{PROGRAM} healthcheck",
        description="Check whether an exporter is healthy.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_arguments(parser)
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error("unknown argument")  # not repeated: it may be a key
    return run(parsed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's argument."""
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        type=_http_url,
        default=_DEFAULT_URL,
        help=f"URL to request, by default {_DEFAULT_URL}.",
    )
    parser.epilog = _EPILOG


def run(parsed: argparse.Namespace, timeout_seconds: float = _TIMEOUT_SECONDS) -> int:
    """Print the result in one line and return the exit status: 0 if healthy, else 1."""
    problems: list[str] = []
    # On a thread that may never end: looking up a name can hang, and a server can send byte by byte.
    thread = threading.Thread(target=lambda: problems.append(_problem(parsed.url, timeout_seconds)))
    thread.daemon = True
    thread.start()
    thread.join(timeout_seconds)
    problem = problems[0] if problems else "timed out"
    stream, line = sys.stdout, "healthy"
    if problem:
        stream, line = sys.stderr, f"{PROGRAM}: {parsed.url.geturl()}: {problem}"
    if stream is not None:
        with suppress(OSError):
            stream.write("".join(char if char.isprintable() else "?" for char in line) + "\n")
            stream.flush()
    return 1 if problem else 0


def _http_url(text: str) -> SplitResult:
    """Return the parts of a URL. Raises ArgumentTypeError."""
    try:
        url = urlsplit(text)
        is_http = url.scheme in ("http", "https") and url.hostname and url.port != 0 and url.username is None
    except ValueError:
        is_http = False
    if not is_http:
        raise argparse.ArgumentTypeError(f"must be an http or https URL, such as {_DEFAULT_URL}")
    return url


def _problem(url: SplitResult, timeout_seconds: float) -> str:
    """Request the URL and return what is wrong, nothing if the status of the response is 200."""
    try:
        response = _response(url, timeout_seconds)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    head, _, body = response.decode("ascii", "replace").partition("\r\n\r\n")
    status_line = re.match(r"HTTP/1\.\d (\d{3}.*)", head)
    if status_line is None:
        return "the response is not HTTP" if response else "the connection was closed without a response"
    return "" if status_line[1].startswith("200") else "; ".join([status_line[1], *body.splitlines()])


def _response(url: SplitResult, timeout_seconds: float) -> bytes:
    port = url.port or (443 if url.scheme == "https" else 80)
    with socket.create_connection((url.hostname, port), timeout_seconds) as connection:
        return (_exchange_with_tls if url.scheme == "https" else _exchange)(connection, url)


def _exchange_with_tls(connection: socket.socket, url: SplitResult) -> bytes:
    import ssl  # noqa: PLC0415 - takes memory, and most exporters have no TLS

    # Nothing secret is sent, and the certificate is made for the name that Prometheus uses.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(connection, server_hostname=url.hostname) as encrypted:
            return _exchange(encrypted, url)
    except ssl.SSLError as error:
        if "_ALERT_" in (error.reason or ""):  # a client certificate is required
            return b"HTTP/1.0 200 OK\r\n\r\n"
        raise


def _exchange(connection: socket.socket, url: SplitResult) -> bytes:
    """Send the request and return the response, or its beginning if it is long."""
    path = url.path or "/-/healthy"
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n".encode())
    with connection.makefile("rb") as response:
        return response.read(_MAX_RESPONSE_BYTES)
