"""The command `pin-exporter simulate`: its flags, and running the simulator until a signal."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from typing import Any

import uvloop

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.app import Simulator, base_url, open_socket, serve
from pin_exporter.simulator.control import CONTROL_HELP
from pin_exporter.simulator.options import Behaviour, Churn, Faults, Option, Population, options_of, parse
from pin_exporter.simulator.presets import demo_accounts

_RECORDS: dict[str, type] = {
    "population": Population,
    "behaviour": Behaviour,
    "churn": Churn,
    "faults": Faults,
}
_HEADINGS = {
    "population": "pins at the start",
    "behaviour": "presentation by the API",
    "churn": "changes over time",
    "faults": "faults (rates are probabilities per request)",
}
_RECORD_OF = {name: kind for kind, record in _RECORDS.items() for name in options_of(record)}
_COMMAND_DEFAULTS: dict[str, Any] = {"requests_per_minute": 180}
"""Where the command differs from the in-process defaults: the documented limit applies."""

_MAX_PINS = 1_000_000


def main(argv: list[str] | None = None) -> int:
    """Run as a program of its own and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pin_exporter.simulator", description="Simulate the AIOZ Pin list API."
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(args: argparse.Namespace) -> int:
    """Simulate until SIGTERM or SIGINT; return 0, 2 for a bad option, 3 if listening fails."""
    try:
        accounts = build_accounts(args)
        sock = open_socket(args.listen_address)
    except ValueError as error:
        return _fail(str(error), 2)
    except OSError as error:
        return _fail(
            f"cannot listen on {args.listen_address}: {_reason(error)}: choose another --listen-address", 3
        )
    simulator = Simulator(accounts, seed=accounts[0].seed)
    # Dropped connections and clients that disconnect are intended here, not errors to report.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    sys.stdout.write(_announcement(simulator, base_url(sock)))
    sys.stdout.flush()
    uvloop.run(_serve_until_signal(simulator, sock))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `pin-exporter simulate`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "%(prog)s [options]"
    parser.epilog = CONTROL_HELP
    parser.add_argument(
        "--listen-address",
        default="127.0.0.1:10243",
        metavar="HOST:PORT",
        help="address to listen on; port 0 selects a free port (default: %(default)s)",
    )
    parser.add_argument(
        "--pins", default="1000", metavar="N", help="number of pins per account (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", default="1", metavar="N", help="the same seed makes the same pins (default: %(default)s)"
    )
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="NAME[:OPTION=VALUE,...]",
        help="an account with its own options, such as big:pins=5000,vocabulary=2023; accepts every option "
        "below, pins, seed, api_key and secret_key; can be repeated (default: one account named default)",
    )
    parser.add_argument("--demo", action="store_true", help="simulate the three accounts of the demo")
    for kind, record in _RECORDS.items():
        group = parser.add_argument_group(_HEADINGS[kind])
        for name, option in options_of(record).items():
            _add_option(group, name, option)


def build_accounts(args: argparse.Namespace) -> list[SimulatedAccount]:
    """Return the accounts that the flags describe; ValueError, in one line, for a bad value."""
    given = {name: value for name in _RECORD_OF if (value := getattr(args, f"sim_{name}")) is not None}
    if args.demo:
        if args.account or given:
            raise ValueError("--demo takes no other option than --listen-address and --seed")
        return demo_accounts(_parse("seed", args.seed))
    common = _COMMAND_DEFAULTS | {"pins": _parse("pins", args.pins), "seed": _parse("seed", args.seed)}
    common |= {
        name: value if isinstance(value, bool) else _parse(name, value) for name, value in given.items()
    }
    names_and_options = [_split(text) for text in args.account or ["default"]]
    names = [name for name, _ in names_and_options]
    if len(set(names)) < len(names):
        raise ValueError("--account: two accounts have the same name")
    return [_build(name, common | options) for name, options in names_and_options]


def _add_option(group: "argparse._ArgumentGroup", name: str, option: Option) -> None:
    flag, default = f"--{name.replace('_', '-')}", _COMMAND_DEFAULTS.get(name, option.default)
    shown = str(default).lower() if isinstance(default, bool) else default
    text = f"{option.text} (default: {shown})".replace("%", "%%")
    if isinstance(default, bool):
        group.add_argument(
            flag, dest=f"sim_{name}", action=argparse.BooleanOptionalAction, default=None, help=text
        )
        return
    metavar = "|".join(option.choices) or ("TEXT" if isinstance(default, str) else "N")
    group.add_argument(flag, dest=f"sim_{name}", metavar=metavar, help=text)


def _split(text: str) -> tuple[str, dict[str, Any]]:
    name, _, rest = text.partition(":")
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"--account: a name consists of letters, digits, - and _, not {name!r}")
    options: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        try:
            options[key] = _parse(key, value.strip() if equals else "true")
        except ValueError as error:
            raise ValueError(f"--account {name}: {error}") from None
    return name, options


def _build(name: str, options: dict[str, Any]) -> SimulatedAccount:
    records: dict[str, dict[str, Any]] = {kind: {} for kind in _RECORDS}
    own: dict[str, Any] = {}
    for option, value in options.items():
        (records[_RECORD_OF[option]] if option in _RECORD_OF else own)[option] = value
    return SimulatedAccount(
        name, **own, **{kind: _RECORDS[kind](**values) for kind, values in records.items()}
    )


def _parse(name: str, text: str) -> Any:
    if name in _RECORD_OF:
        return parse(_RECORDS[_RECORD_OF[name]], name, text)
    if name in ("api_key", "secret_key"):
        return text
    if name not in ("pins", "seed"):
        raise ValueError(f"unknown option {name!r}")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"{name} must be a whole number of at least 0, not {text!r}")
    if name == "pins" and int(text) > _MAX_PINS:
        raise ValueError(f"pins must be at most {_MAX_PINS}, not {text}")
    return int(text)


async def _serve_until_signal(simulator: Simulator, sock: socket.socket) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(simulator, sock, stop)


def _announcement(simulator: Simulator, url: str) -> str:
    """Return what to print at the start, in the format of an `.env` file."""
    control = f"{url.removesuffix('/api')}/control/accounts"
    lines = [f"# simulated AIOZ Pin API at {url}, control API at {control}; stop with Ctrl-C"]
    for account in simulator.accounts.values():
        lines += [
            "",
            f"# account {account.name}, {len(account)} pins",
            f"PIN_EXPORTER_BASE_URL={url}",
            f"PIN_EXPORTER_API_KEY={account.api_key}",
            f"PIN_EXPORTER_SECRET_KEY={account.secret_key}",
        ]
    return "\n".join([*lines, ""])


def _reason(error: OSError) -> str:
    # The socket module's own text repeats the address; a failed name lookup has no errno of the system.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"pin-exporter simulate: {message}\n")
    return status
