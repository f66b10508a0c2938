"""The command `pin-exporter simulate`: its flags, and running the simulator until a signal."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from typing import Annotated, Any

import msgspec
import uvloop

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.app import Simulator, base_url, open_socket, serve
from pin_exporter.simulator.control import CONTROL_HELP
from pin_exporter.simulator.options import Behaviour, Churn, Count, Faults, Population, help_texts, read
from pin_exporter.simulator.presets import demo_accounts


class _Own(msgspec.Struct, forbid_unknown_fields=True):
    """The options of an account that have no record."""

    pins: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    seed: Count
    api_key: str = ""
    secret_key: str = ""


_RECORDS: dict[str, type[msgspec.Struct]] = {
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
_RECORD_OF = {name: kind for kind, record in _RECORDS.items() for name in record.__struct_fields__}
_API_HELP = """\
Besides the list, the API has GET /api/pinning/ID, GET /api/billing/thisMonthUsage/, and
GET /api/apiKeys/testAuthentication, which has a rate limit of its own: 60 requests per minute.
An IPFS gateway without keys serves the root block of what is pinned: GET /ipfs/CID?format=raw. Its URL, for
gateway_url, is that of the API without /api. Assumed, because AIOZ Pin does not document it:
  400 for a bad value such as limit=0, 404 for an unknown ID, 405 for other methods
  301 for the list and the bill without the slash at the end
  metadata={"KEY": "VALUE"} lists the pins whose key-values contain all these pairs
  totals count what the filters leave, whatever offset and limit
  20 USD per TB in the bill, and an eighth of what is stored as bandwidth
  403 for a key without the scope data.pin_list, and the messages of all errors

"""
_COMMAND_DEFAULTS: dict[str, Any] = {"requests_per_minute": 180}
"""Where the command differs from the in-process defaults: the documented limit applies."""


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
    parser.epilog = _API_HELP + CONTROL_HELP
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
        for name, text in help_texts(record).items():
            default = _COMMAND_DEFAULTS.get(name, getattr(record(), name))
            _add_option(group, name, text, default)


def build_accounts(args: argparse.Namespace) -> list[SimulatedAccount]:
    """Return the accounts that the flags describe; ValueError, in one line, for a bad value."""
    given = {name: value for name in _RECORD_OF if (value := getattr(args, f"sim_{name}")) is not None}
    if args.demo:
        if args.account or given:
            raise ValueError("--demo takes no other option than --listen-address and --seed")
        return demo_accounts(read(_Own, {"pins": 0, "seed": args.seed}).seed)
    common = _COMMAND_DEFAULTS | {"pins": args.pins, "seed": args.seed} | given
    names_and_options = [_split(text) for text in args.account or ["default"]]
    names = [name for name, _ in names_and_options]
    if len(set(names)) < len(names):
        raise ValueError("--account: two accounts have the same name")
    _read(common)  # so that a bad flag is not reported as an option of an account
    try:
        records = [_read(common | options) for _, options in names_and_options]
    except ValueError as error:
        raise ValueError(f"--account: {error}") from None
    return [SimulatedAccount(name, **record) for name, record in zip(names, records, strict=True)]


def _add_option(group: "argparse._ArgumentGroup", name: str, text: str, default: object) -> None:
    flag, dest = f"--{name.replace('_', '-')}", f"sim_{name}"
    shown = str(default).lower() if isinstance(default, bool) else default
    text = f"{text} (default: {shown})"
    if isinstance(default, bool):
        group.add_argument(flag, dest=dest, action=argparse.BooleanOptionalAction, default=None, help=text)
    else:
        group.add_argument(flag, dest=dest, metavar="TEXT" if isinstance(default, str) else "N", help=text)


def _split(text: str) -> tuple[str, dict[str, str]]:
    name, _, rest = text.partition(":")
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"--account: a name consists of letters, digits, - and _, not {name!r}")
    options: dict[str, str] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        options[key.strip().replace("-", "_")] = value.strip() if equals else "true"
    return name, options


def _read(options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an account."""
    values: dict[str, dict[str, Any]] = {kind: {} for kind in _RECORDS}
    own: dict[str, Any] = {}
    for option, value in options.items():
        (values[_RECORD_OF[option]] if option in _RECORD_OF else own)[option] = value
    records = {kind: read(_RECORDS[kind], given) for kind, given in values.items()}
    return msgspec.structs.asdict(read(_Own, own)) | records


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
