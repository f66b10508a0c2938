"""Run the exporter for a list of accounts: everything put together, until told to stop."""

import random
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pin_exporter.api.transport import HttpClients
from pin_exporter.commands.web import create_app
from pin_exporter.config.accounts import Account
from pin_exporter.metrics.account import account_renderer
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.polling.manager import PollerManager
from pin_exporter.polling.watchdog import Watchdog
from pin_exporter.status.pages import Pages
from pin_exporter.status.routes import status_routes
from pin_exporter.toolkit.clock import SystemClock
from pin_exporter.toolkit.gc_tuning import keep_collections_short
from pin_exporter.toolkit.logs import LogEventCounter
from pin_exporter.toolkit.reloader import Reloader
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard
from pin_exporter.toolkit.web.auth import BasicAuth
from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatch
from pin_exporter.toolkit.web.limits import ConnectionLimits
from pin_exporter.toolkit.web.server import serve

Workers = Mapping[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class Web:
    """Where and how to serve.

    `lifecycle` says whether a request may have the configuration read again. `config_file` is where `config`
    was read from. `note` is shown on each status page.
    """

    sockets: Sequence[socket.socket]
    telemetry_path: str
    lifecycle: bool = False
    config_file: Path | None = None
    config: WebConfig = field(default_factory=WebConfig)
    note: str | None = None


async def run_exporter(
    accounts: Sequence[Account],
    clients: HttpClients,
    web: Web,
    *,
    reload: Callable[[], Sequence[Account]],
    log_events: LogEventCounter | None = None,
    beside: Workers | None = None,
    shard: Shard = SINGLE_SHARD,
) -> None:
    """Poll the accounts and serve their metrics until SIGTERM or SIGINT.

    `clients` are closed at the end. `reload` returns the accounts as they are configured by then, or raises
    SettingsError. `log_events` counts what the log warns of. `beside` are workers to run along with the
    pollers. `shard` is whose accounts these are. A bug in any worker is raised in an exception group.
    """
    clock = SystemClock()
    process = ExporterMetrics(shard, log_events)

    def note(*, accepted: bool) -> None:
        process.config_read(at=clock.wall(), accepted=accepted)

    note(accepted=True)
    async with clients:
        exporter = PollerManager(accounts, clients, clock, random.Random())
        reloader = Reloader(reload, exporter.apply_config, note)
        exposition = account_renderer(exporter.snapshots, process.registry, clock.elapsed)
        liveness = Watchdog(lambda: exporter.pollers().values(), clock.elapsed)
        app = create_app(
            exposition,
            telemetry_path=web.telemetry_path,
            unready=exporter.unready,
            problems=liveness.problems,
            reload=reloader.reload if web.lifecycle else None,
            pages=status_routes(exporter.snapshots, clock, Pages(web.telemetry_path, web.note)),
        )
        workers = {
            "accounts": exporter.run,
            "reload": reloader.run,
            "exposition": lambda: exposition.keep_ready(clock.sleep),
            "liveness": lambda: liveness.run(clock.sleep),
            "garbage": lambda: keep_collections_short(clock.sleep),
            **(beside or {}),
        }
        inbound = ConnectionLimits(lambda: web.config, process.refused)
        if web.config_file is not None:
            watch = WebConfigWatch(web.config_file, web.config, clock, process.web_config_read)
            workers["web config"] = watch.run
            inbound = ConnectionLimits(lambda: watch.config, process.refused)
        guarded = BasicAuth(app, inbound.config, process.refused)
        await serve(guarded, web.sockets, workers, on_hangup=reloader.ask, inbound=inbound)
