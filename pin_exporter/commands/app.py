"""The running exporter: what polls, what serves, what runs beside them, and its HTTP endpoints."""

import random
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pin_exporter import PROGRAM
from pin_exporter.api.pool import HttpClients
from pin_exporter.commands.reloader import ConfigReloader
from pin_exporter.config.accounts import Account
from pin_exporter.metrics.account import account_renderer
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.polling.manager import PollerManager
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.polling.watchdog import Watchdog
from pin_exporter.status.pages import Pages
from pin_exporter.status.routes import status_routes
from pin_exporter.toolkit.clock import SystemClock
from pin_exporter.toolkit.exposition.endpoint import metrics_endpoint
from pin_exporter.toolkit.exposition.renderer import Renderer
from pin_exporter.toolkit.gc_tuning import keep_collections_short
from pin_exporter.toolkit.logs import LogEventCounter
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard
from pin_exporter.toolkit.web.auth import OPEN_PATHS
from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Connections, Refusals
from pin_exporter.toolkit.web.origin import OriginCheck
from pin_exporter.toolkit.web.server import Workers, serve


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where and how to serve.

    `config` was read from `config_file`, which is watched. `enable_reload` allows `POST /-/reload`. Pages are
    shown under the names of `allowed_hosts`. `note` is shown on every status page.
    """

    sockets: Sequence[socket.socket]
    telemetry_path: str
    config_file: Path | None = None
    config: WebConfig = field(default_factory=WebConfig)
    enable_reload: bool = False
    allowed_hosts: Sequence[str] = ()
    note: str | None = None


async def run_app(
    accounts: Sequence[Account],
    clients: HttpClients,
    web: WebOptions,
    *,
    load_accounts: Callable[[], Sequence[Account]] | None,
    log_events: LogEventCounter | None = None,
    shard: Shard = SINGLE_SHARD,
    workers: Workers | None = None,
) -> None:
    """Poll the accounts of a shard and serve their metrics until SIGTERM or SIGINT, then close the clients.

    `load_accounts` returns the accounts as they are configured now, or raises SettingsError; without it,
    SIGHUP stops as well instead of reloading. `workers` run beside the exporter's own. A bug in any of them
    ends everything and is raised in an exception group.
    """
    clock = SystemClock()
    web_config = WebConfigWatcher(web.config_file, web.config, clock)
    connections = Connections(web_config)
    metrics = ExporterMetrics(shard, log_events, web_config, connections.refusals)
    async with clients:
        manager = PollerManager(accounts, clients, clock, random.Random())
        reloader = ConfigReloader(load_accounts or (lambda: accounts), manager, metrics, clock)
        watchdog = Watchdog(lambda: manager.pollers().values(), clock.elapsed)
        renderer = account_renderer(manager.snapshots, metrics.registry, clock.elapsed)
        app = create_app(
            renderer,
            telemetry_path=web.telemetry_path,
            unready=manager.unready,
            problems=watchdog.problems,
            reload=reloader.reload if web.enable_reload else None,
            pages=status_routes(manager.snapshots, clock, Pages(web.telemetry_path, web.note)),
            allowed_hosts=web.allowed_hosts,
            refusals=connections.refusals,
        )
        await serve(
            app,
            web.sockets,
            {
                "accounts": manager.run,
                "reload": reloader.run,
                "renderer": partial(renderer.keep_ready, clock.sleep),
                "watchdog": partial(watchdog.run, clock.sleep),
                "web config": web_config.run,
                "garbage collector": partial(keep_collections_short, clock.sleep),
                **(workers or {}),
            },
            connections=connections,
            realm=PROGRAM,
            on_hangup=reloader.request if load_accounts else None,
        )


def create_app(
    renderer: Renderer[AccountSnapshot],
    *,
    telemetry_path: str,
    unready: Callable[[], Sequence[str]],
    problems: Callable[[], Sequence[str]],
    reload: Callable[[], Awaitable[Sequence[str]]] | None = None,
    pages: Sequence[BaseRoute] = (),
    allowed_hosts: Collection[str] = (),
    refusals: Refusals | None = None,
) -> Starlette:
    """Return the application: metrics, health, readiness, reload, and pages. It never calls the API.

    `unready` returns the accounts that were not polled yet, not even unsuccessfully. `problems` returns what
    is stuck. `reload` reloads the configuration and returns its problems; None if that is not enabled.
    Everything but metrics, health and readiness is refused to other sites and under unknown host names.
    """

    async def healthy(_: Request) -> Response:
        # A poller that fails ends the process, so only one that hangs is reported here.
        if stuck := problems():
            return _lines(stuck, 503)
        return PlainTextResponse("healthy\n")

    async def ready(_: Request) -> Response:
        if waiting := unready():
            return PlainTextResponse(f"not polled yet: {', '.join(waiting)}\n", 503)
        return PlainTextResponse("ready\n")

    async def reload_config(_: Request) -> Response:
        if reload is None:
            message = "reloading by request is disabled: start with --web.enable-lifecycle, or send SIGHUP\n"
            return PlainTextResponse(message, 403)
        if failed := await reload():
            return _lines(failed, 500)
        return PlainTextResponse("reloaded the configuration\n")

    routes = [
        Route(telemetry_path, metrics_endpoint(renderer)),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
        Route("/-/reload", reload_config, methods=["POST", "PUT"]),
        *pages,
    ]
    check = Middleware(
        OriginCheck,
        hosts=allowed_hosts,
        open_paths={telemetry_path, *OPEN_PATHS},
        refusals=Refusals() if refusals is None else refusals,
    )
    app = Starlette(routes=routes, middleware=[check])
    app.router.redirect_slashes = False
    return app


def _lines(lines: Sequence[str], status: int) -> Response:
    return PlainTextResponse("".join(f"{line}\n" for line in lines), status)
