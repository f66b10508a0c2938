"""Run the exporter for a list of accounts: everything put together, until told to stop."""

import random
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pin_exporter.api import HttpClients
from pin_exporter.clock import SystemClock
from pin_exporter.exporter import Exporter
from pin_exporter.exposition import Exposition
from pin_exporter.pages import Pages
from pin_exporter.process_metrics import ProcessMetrics
from pin_exporter.reload import Reloader
from pin_exporter.server import serve
from pin_exporter.settings import Account
from pin_exporter.status import status_routes
from pin_exporter.web import create_app

Workers = Mapping[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class Web:
    """Where and how to serve. `lifecycle` says whether a request may have the configuration read again.

    `note` is shown on each status page.
    """

    sockets: Sequence[socket.socket]
    telemetry_path: str
    lifecycle: bool = False
    note: str | None = None


async def run_exporter(
    accounts: Sequence[Account],
    clients: HttpClients,
    web: Web,
    *,
    reload: Callable[[], Sequence[Account]],
    beside: Workers | None = None,
) -> None:
    """Poll the accounts and serve their metrics until SIGTERM or SIGINT.

    `clients` are closed at the end. `reload` returns the accounts as they are configured by then, or raises
    SettingsError. `beside` are workers to run along with the pollers. A bug in any of them is raised in an
    exception group.
    """
    clock = SystemClock()
    process = ProcessMetrics()

    def note(*, accepted: bool) -> None:
        process.config_read(at=clock.wall(), accepted=accepted)

    note(accepted=True)
    async with clients:
        exporter = Exporter(accounts, clients, clock, random.Random())
        reloader = Reloader(reload, exporter.update, note)
        app = create_app(
            Exposition(exporter.snapshots, process.registry, clock.elapsed),
            telemetry_path=web.telemetry_path,
            unready=exporter.unready,
            reload=reloader.reload if web.lifecycle else None,
            pages=status_routes(exporter.snapshots, clock, Pages(web.telemetry_path, web.note)),
        )
        workers = {"accounts": exporter.run, "reload": reloader.run, **(beside or {})}
        await serve(app, web.sockets, workers, on_hangup=reloader.ask)
