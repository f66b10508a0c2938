"""The command `demo`: the exporter and a simulated AIOZ Pin in one process, without any configuration."""

import argparse
import asyncio
import socket
from contextlib import suppress
from typing import Final

import uvloop

from pin_exporter.api.credentials import CredentialSource, checked_key
from pin_exporter.api.pool import HttpClients
from pin_exporter.commands.app import WebOptions, run_app
from pin_exporter.config.accounts import Account
from pin_exporter.config.loader import load_web_settings
from pin_exporter.config.names import add_setting_flags, flags_given
from pin_exporter.metrics.exporter import LOG_EVENTS
from pin_exporter.simulator.app import Simulator, base_url
from pin_exporter.simulator.app import serve as serve_simulator
from pin_exporter.simulator.presets import demo_accounts
from pin_exporter.toolkit.errors import ListenError
from pin_exporter.toolkit.logs import configure_logging
from pin_exporter.toolkit.output import write_standard_output
from pin_exporter.toolkit.web.config import read_web_config
from pin_exporter.toolkit.web.listener import listen, local_url

_LISTEN_ADDRESS: Final = "127.0.0.1:10242"
_SIMULATOR_HOST: Final = "127.0.0.1"
_SIMULATOR_PORT: Final = 10243
_POLL_INTERVAL_SECONDS: Final = 15.0
_REQUESTS_PER_MINUTE: Final = 600
"""Enough to read the largest account at once, although the process has just started."""
_HEADROOM: Final = 1.25
_NOTE: Final = "three demo accounts on a simulated AIOZ Pin API; no other server is contacted"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    names = ("web_listen_address", "web_allowed_hosts", "web_config_file", "web_telemetry_path")
    add_setting_flags(
        parser, (*names, "log_level", "log_format"), defaults={"web_listen_address": _LISTEN_ADDRESS}
    )


def run(parsed: argparse.Namespace) -> int:
    """Run until a signal and return the exit status. SIGHUP, from a terminal that is closed, ends it as well.

    Raises SettingsError, ListenError, and an exception group for a bug.
    """
    settings = load_web_settings(flags_given(parsed))
    log_events = configure_logging("pin_exporter", LOG_EVENTS, settings.log_level, settings.log_format)
    web_config = read_web_config(settings.web_config_file)
    is_given = "web_listen_address" in settings.model_fields_set
    sockets = [listen(each) for each in (settings.web_listen_address if is_given else (_LISTEN_ADDRESS,))]
    simulator_socket = _listen_for_simulator()
    simulator = Simulator(demo_accounts())
    api_url = base_url(simulator_socket)
    accounts = [
        Account(
            name=account.name,
            credentials=CredentialSource(
                checked_key(account.api_key), checked_key(account.secret_key), account=account.name
            ),
            base_url=api_url,
            poll_interval=_POLL_INTERVAL_SECONDS,
            requests_per_minute=_REQUESTS_PER_MINUTE,
            size_limit=round(_HEADROOM * account.totals().size_bytes),
        )
        for account in simulator.accounts.values()
    ]
    url = local_url(sockets[0], web_config.scheme)
    with suppress(BrokenPipeError):  # the reader has closed the pipe
        write_standard_output(
            f"pin-exporter demo: {_NOTE}\n"
            f"metrics      {url}{settings.web_telemetry_path}\n"
            f"status page  {url}/\n"
            f"simulator    {api_url}/pinning/pins/\n"
            f"control API  {api_url.removesuffix('/api')}/control/accounts\n"
            "Press Ctrl-C to stop.\n"
        )
    web = WebOptions(
        sockets,
        settings.web_telemetry_path,
        config_file=settings.web_config_file,
        config=web_config,
        allowed_hosts=settings.web_allowed_hosts,
        note=f"Demo: {_NOTE}.",
    )
    uvloop.run(
        run_app(
            accounts,
            HttpClients(),
            web,
            load_accounts=None,
            log_events=log_events,
            workers={"simulator": lambda: serve_simulator(simulator, simulator_socket, asyncio.Event())},
        )
    )
    return 0


def _listen_for_simulator() -> socket.socket:
    """Listen on the usual port, or on any other if that is in use, as by another demo."""
    try:
        return listen(f"{_SIMULATOR_HOST}:{_SIMULATOR_PORT}")
    except ListenError:
        return listen(f"{_SIMULATOR_HOST}:0")
