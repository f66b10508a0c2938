"""The command `demo`: the exporter and a simulated AIOZ Pin in one process, without any configuration."""

import argparse
import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import uvloop

from pin_exporter.api.credentials import CredentialSource, checked_key
from pin_exporter.api.pool import HttpClients
from pin_exporter.commands.app import WebOptions, run_app
from pin_exporter.config.accounts import Account
from pin_exporter.config.loader import load_web_settings
from pin_exporter.config.names import add_setting_flags, flags_given
from pin_exporter.metrics.exporter import LOG_EVENTS
from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.app import Simulator, base_url
from pin_exporter.simulator.app import serve as serve_simulator
from pin_exporter.simulator.presets import demo_accounts, expected_cids
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
_RETRIEVALS_PER_HOUR: Final = 1_200
_HEADROOM: Final = 1.25
_WITH_EXPECTED_CIDS: Final = "nft-drops"
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
    gateway_url = api_url.removesuffix("/api")
    url = local_url(sockets[0], web_config.scheme)
    with suppress(BrokenPipeError):  # the reader has closed the pipe
        write_standard_output(
            f"pin-exporter demo: {_NOTE}\n"
            f"metrics      {url}{settings.web_telemetry_path}\n"
            f"status page  {url}/\n"
            f"simulator    {api_url}/pinning/pins/\n"
            f"gateway      {gateway_url}/ipfs/\n"
            f"control API  {gateway_url}/control/accounts\n"
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
    with _file_of(expected_cids(simulator.accounts[_WITH_EXPECTED_CIDS])) as expected_cids_file:
        accounts = [
            _account(account, api_url, gateway_url, expected_cids_file)
            for account in simulator.accounts.values()
        ]
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


def _account(
    account: SimulatedAccount, api_url: str, gateway_url: str, expected_cids_file: Path | None
) -> Account:
    keys = checked_key(account.api_key), checked_key(account.secret_key)
    return Account(
        name=account.name,
        credentials=CredentialSource(*keys, account=account.name),
        base_url=api_url,
        poll_interval=_POLL_INTERVAL_SECONDS,
        requests_per_minute=_REQUESTS_PER_MINUTE,
        size_limit=round(_HEADROOM * account.totals().size_bytes),
        expected_cids_file=expected_cids_file if account.name == _WITH_EXPECTED_CIDS else None,
        gateway_url=gateway_url,
        retrievals_per_hour=_RETRIEVALS_PER_HOUR,
        billing=True,
    )


@contextmanager
def _file_of(lines: Iterable[str]) -> Iterator[Path | None]:
    """Yield a file in memory, since a container has no place to write one; None except on Linux."""
    if not hasattr(os, "memfd_create"):
        yield None
        return
    with os.fdopen(os.memfd_create("expected-cids"), "w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _listen_for_simulator() -> socket.socket:
    """Listen on the usual port, or on any other if that is in use, as by another demo."""
    try:
        return listen(f"{_SIMULATOR_HOST}:{_SIMULATOR_PORT}")
    except ListenError:
        return listen(f"{_SIMULATOR_HOST}:0")
