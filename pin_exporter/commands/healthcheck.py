"""Ask the exporter that runs here whether it is healthy.

A container's health check starts this every half minute, within the exporter's own limit of memory: so it
imports the standard library alone, unless a file must be read to find the address.
"""

import argparse
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pin_exporter.toolkit.errors import SettingsError

DEFAULT_ADDRESS: Final = ":10242"
FIRST_PROCESS: Final = Path("/proc/1/cmdline")
_TIMEOUT_SECONDS: Final = 2.0
_ANSWER_BYTES: Final = 80
_NO_HTTP: Final = (b"HTTP/1.0 400 ", b"\x15\x03")
"""What servers with TLS answer to plain HTTP, those that answer at all: words, or an alert."""
_CLOSED_IN_TLS: Final = "closed after its part of a TLS handshake"
_LIVES: Final = rf"HTTP/1\.\d 200\b|{_CLOSED_IN_TLS}$"
"""A server that wants a certificate, which nobody has here, is as alive as one that answers."""
_LOCAL: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def main(arguments: Sequence[str]) -> int:
    """Run the command without the rest of the command line, which takes longer to import than this to run."""
    parser = argparse.ArgumentParser("pin-exporter healthcheck", allow_abbrev=False)
    add_flags(parser)
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error("unknown flag or argument")  # not repeated: it may be a key
    return run(parsed)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add those flags of `serve` that say where it listens."""
    parser.add_argument(
        "--web.listen-address",
        action="append",
        dest="web_listen_address",
        metavar="ADDRESS",
        help="Address that the exporter listens on. (PIN_EXPORTER_WEB_LISTEN_ADDRESS)",
    )
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        help="The exporter's settings. (PIN_EXPORTER_CONFIG_FILE)",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        help="Its web configuration: whether to begin with TLS. (PIN_EXPORTER_WEB_CONFIG_FILE)",
    )


def run(parsed: argparse.Namespace) -> int:
    """Return 0 if the exporter answers that it is healthy and 1 if not, and say so in one line."""
    address = "the settings"
    try:
        address, begins_with_tls = place(parsed)
        answer = _ask(address, begins_with_tls=begins_with_tls)
    except (OSError, ValueError, SettingsError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        sys.stderr.write(f"pin-exporter: {address}: {reason or error}\n")
        return 1
    if not re.match(_LIVES, answer):
        sys.stderr.write(f"pin-exporter: {address}: answered {answer!r}\n")
        return 1
    sys.stdout.write("healthy\n")
    return 0


def place(parsed: argparse.Namespace) -> tuple[str, bool]:
    """Return the first address that the exporter was told to listen on, and whether it probably has TLS.

    Flags win over the environment, that over `.env`, that over the file. A health check is started without
    the exporter's flags; in a container they can be read from its first process.

    Raises SettingsError for a file that cannot be read.
    """
    started = _flags_of(_words(FIRST_PROCESS))
    if Path(".env").is_file():
        from pin_exporter.config.dotenv import load_env_file  # noqa: PLC0415 - third-party below

        load_env_file(Path(".env"))
    address = parsed.web_listen_address or started.web_listen_address or _variable("WEB_LISTEN_ADDRESS")
    guard = parsed.web_config_file or started.web_config_file or _variable("WEB_CONFIG_FILE")
    file = parsed.config_file or started.config_file or _variable("CONFIG_FILE")
    values = _from_file(Path(file)) if file and not address else {}
    guard = guard or values.get("web_config_file")
    return _first(address or values.get("web_listen_address") or DEFAULT_ADDRESS), _has_tls(guard)


def _has_tls(guard: object) -> bool:
    """Guess from a web configuration. Either way, what was tried first may be followed by the other."""
    try:
        return guard is not None and b"tls_server_config" in Path(str(guard)).read_bytes()
    except OSError:
        return False


def _words(command_line: Path) -> Sequence[str]:
    try:
        return command_line.read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ()


def _flags_of(words: Sequence[str]) -> argparse.Namespace:
    """Return the flags of a command line that is the exporter's, perhaps behind an interpreter or an init."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_flags(parser)
    programs = [Path(word).name.replace("_", "-") for word in words]
    own = words[programs.index("pin-exporter") + 1 :] if "pin-exporter" in programs else ()
    return parser.parse_known_args(own)[0]


def _variable(name: str) -> str | None:
    """Return a variable's value as the settings read it: in any case of letters, and not if it is empty."""
    wanted = f"PIN_EXPORTER_{name}"
    return next((value for key, value in os.environ.items() if value and key.upper() == wanted), None)


def _from_file(path: Path) -> Mapping[str, object]:
    from pin_exporter.toolkit.yaml_file import read_yaml_file  # noqa: PLC0415 - third-party

    return read_yaml_file(path).values


def _first(addresses: object) -> str:
    """Return the first of addresses in a list or separated by commas."""
    first = addresses[0] if isinstance(addresses, list) else addresses
    return str(first).partition(",")[0].strip()


def _ask(address: str, *, begins_with_tls: bool) -> str:
    """Return the first line of the answer, `HTTP/1.1 200 OK` when all is well.

    A server with TLS will not answer plain HTTP, and is asked again with TLS. Where that is known, it is
    asked with TLS alone at first: the other would count as a refused client.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    reached = (_LOCAL.get(host, host), int(port))
    if begins_with_tls and re.match(_LIVES, encrypted := _ask_with_tls(reached)):
        return encrypted
    with socket.create_connection(reached, _TIMEOUT_SECONDS) as connection:
        try:
            answer = _answer(connection)
        except ConnectionResetError:
            answer = b""
    if answer and not answer.startswith(_NO_HTTP):
        return answer.decode("ascii", "replace").strip()
    return _ask_with_tls(reached)


def _ask_with_tls(reached: tuple[str, int]) -> str:
    import ssl  # noqa: PLC0415 - takes memory, and most do without

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Who answers on this machine is the exporter; no secret is sent.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(reached, _TIMEOUT_SECONDS) as connection:
        encrypted = context.wrap_socket(connection, do_handshake_on_connect=False)
        with encrypted:
            answer = b""
            try:
                encrypted.do_handshake()
                answer = _answer(encrypted)
            except OSError:  # of TLS too
                pass
            if not answer and encrypted.cipher():
                return _CLOSED_IN_TLS
            return answer.decode("ascii", "replace").strip()


def _answer(connection: socket.socket) -> bytes:
    connection.sendall(b"GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n")
    with connection.makefile("rb") as answer:
        return answer.readline(_ANSWER_BYTES)
