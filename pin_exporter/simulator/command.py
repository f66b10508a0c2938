"""Run the simulator from the command line."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys

import uvloop

from pin_exporter.simulator.app import Simulator
from pin_exporter.simulator.arguments import add_arguments, build_accounts
from pin_exporter.simulator.server import base_url, open_socket, serve

__all__ = ["add_arguments", "main", "run"]


def main(argv: list[str] | None = None) -> int:
    """Run as a program of its own and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pin_exporter.simulator", description="Simulate the AIOZ Pin list API."
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(args: argparse.Namespace) -> int:
    """Simulate until SIGTERM or SIGINT; return 0, 2 for a bad option, 3 if the address cannot be had."""
    try:
        accounts = build_accounts(args)
        sock = open_socket(args.listen_address)
    except ValueError as error:
        return _fail(str(error), 2)
    except OSError as error:
        told = f"cannot listen on {args.listen_address}: {_reason(error)}: choose another --listen-address"
        return _fail(told, 3)
    simulator = Simulator(accounts, seed=accounts[0].seed)
    # Dropped connections and clients that leave are what a simulator is for, not errors to report.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    sys.stdout.write(_announcement(simulator, base_url(sock)))
    sys.stdout.flush()
    uvloop.run(_serve_until_signal(simulator, sock))
    return 0


async def _serve_until_signal(simulator: Simulator, sock: socket.socket) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(simulator, sock, stop)


def _announcement(simulator: Simulator, url: str) -> str:
    lines = [f"simulated AIOZ Pin API at {url}, control at {url.removesuffix('/api')}/control/accounts"]
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
    # The socket module's own text repeats the address; a failed look-up of a name has no errno of the system.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"pin-exporter simulate: {message}\n")
    return status
