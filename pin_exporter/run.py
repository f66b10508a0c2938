"""Run the exporter for a list of accounts: everything put together, until told to stop."""

import random
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pin_exporter.api import HttpClients
from pin_exporter.clock import SystemClock
from pin_exporter.exporter import Exporter
from pin_exporter.exposition import Exposition
from pin_exporter.process_metrics import ProcessMetrics
from pin_exporter.server import serve
from pin_exporter.settings import Account
from pin_exporter.web import create_app

Workers = Mapping[str, Callable[[], Awaitable[None]]]


async def run_exporter(
    accounts: Sequence[Account],
    clients: HttpClients,
    sockets: Sequence[socket.socket],
    telemetry_path: str,
    beside: Workers | None = None,
) -> None:
    """Poll the accounts and serve their metrics until SIGTERM or SIGINT.

    `clients` are closed at the end. `beside` are workers to run along with the pollers. A bug in any of them
    is raised in an exception group.
    """
    clock = SystemClock()
    process = ProcessMetrics()
    process.config_loaded(clock.wall())
    async with clients:
        exporter = Exporter(accounts, clients, clock, random.Random())
        app = create_app(
            Exposition(exporter.snapshots, process.registry, clock.elapsed),
            telemetry_path=telemetry_path,
            unready=exporter.unready,
        )
        await serve(app, sockets, {**exporter.workers(), **(beside or {})})
