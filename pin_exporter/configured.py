"""Run the exporter as it is configured, and go on so when the configuration changes."""

import logging
from collections.abc import Iterator, Mapping
from typing import Final

import uvloop

from pin_exporter import __version__
from pin_exporter.api import HttpClients
from pin_exporter.load_settings import load_settings, unknown_variables
from pin_exporter.logs import configure_logging
from pin_exporter.run import Web, run_exporter
from pin_exporter.server import listen, local_url
from pin_exporter.setting_types import is_exposed
from pin_exporter.settings import Account, Settings, accounts_of

_log: Final = logging.getLogger("pin_exporter")


def check_settings(flags: Mapping[str, object]) -> list[str]:
    """Return the names of the accounts. Raises SettingsError for settings that cannot be run with."""
    return [account.name for account in _usable_accounts(load_settings(flags), HttpClients())]


def run_as_configured(flags: Mapping[str, object]) -> None:
    """Run until SIGTERM or SIGINT.

    Raises SettingsError, ListenError, and an exception group for a bug.
    """
    settings = load_settings(flags)
    clients = HttpClients()
    accounts = _usable_accounts(settings, clients)
    log_events = configure_logging(settings.log_level, settings.log_format)
    sockets = [listen(address) for address in settings.web_listen_address]
    for variable in unknown_variables():
        _log.warning("unknown environment variable", extra={"variable": variable})
    _warn_of_plain_http(accounts)
    listening = " ".join(local_url(opened) for opened in sockets)
    told = {"version": __version__, "accounts": len(accounts), "listening": listening}
    _log.info("starting", extra=told)

    def reload() -> list[Account]:
        newest = load_settings(flags)
        usable = _usable_accounts(newest, clients)
        for name in _changed_beside_accounts(settings, newest):
            _log.warning("a changed setting takes effect at the next start", extra={"setting": name})
        _warn_of_plain_http(usable)
        return usable

    web = Web(sockets, settings.web_telemetry_path, lifecycle=settings.web_enable_lifecycle)
    uvloop.run(run_exporter(accounts, clients, web, reload=reload, log_events=log_events))
    _log.info("stopped")


def _usable_accounts(settings: Settings, clients: HttpClients) -> list[Account]:
    """Return the accounts. Raises SettingsError for a URL or proxy that no client can be made for."""
    accounts = list(accounts_of(settings))
    for account in accounts:
        clients.for_url(account.base_url)
    return accounts


def _warn_of_plain_http(accounts: list[Account]) -> None:
    for url in {account.base_url for account in accounts if is_exposed(account.base_url)}:
        _log.warning("keys are sent without encryption: use https", extra={"base_url": url})


def _changed_beside_accounts(old: Settings, new: Settings) -> Iterator[str]:
    names = (name for name in Settings.model_fields if name.startswith(("web_", "log_")))
    return (name for name in names if getattr(old, name) != getattr(new, name))
