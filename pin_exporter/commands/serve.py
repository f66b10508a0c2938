"""Run the exporter as it is configured, and go on so when the configuration changes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import uvloop

from pin_exporter import PROGRAM, __version__
from pin_exporter.api.transport import HttpClients
from pin_exporter.commands.app import Web, run_exporter
from pin_exporter.config.accounts import Account, shard_of, usable_accounts, warn_of_plain_http
from pin_exporter.config.loader import load_settings, load_web_settings
from pin_exporter.config.names import unknown_variables
from pin_exporter.config.settings import Settings
from pin_exporter.metrics.exporter import LOG_EVENTS
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.logs import EventLogger, configure_logging
from pin_exporter.toolkit.output import print_error
from pin_exporter.toolkit.sharding import Shard
from pin_exporter.toolkit.web.config import WebConfig, read_web_config
from pin_exporter.toolkit.web.server import hangups_held, listen, local_url

_log: Final = EventLogger("pin_exporter")
_UNGUARDED: Final = "sets neither TLS nor users: whoever reaches the port can read the metrics"


def check_settings(flags: Mapping[str, object]) -> list[str]:
    """Return the names of the shard's accounts. Raises SettingsError for settings that cannot be run with."""
    try:
        settings = load_settings(flags)
    except SettingsError as error:
        more = [told for told in _problems_of_web_config(flags) if told not in error.problems]
        raise SettingsError([*error.problems, *more]) from None
    names = [account.name for account in usable_accounts(settings, HttpClients(), shard_of(settings))]
    if _is_unguarded(settings, _web_config(settings)):
        print_error(PROGRAM, f"{settings.web_config_file}: {_UNGUARDED}")
    return names


@hangups_held()
def run_as_configured(flags: Mapping[str, object]) -> None:
    """Run until SIGTERM or SIGINT.

    Raises SettingsError, ListenError, and an exception group for a bug.
    """
    settings = load_settings(flags)
    clients = HttpClients()
    shard = shard_of(settings)
    accounts = usable_accounts(settings, clients, shard)
    web_config = _web_config(settings)
    log_events = configure_logging("pin_exporter", LOG_EVENTS, settings.log_level, settings.log_format)
    sockets = [listen(address) for address in settings.web_listen_address]
    for variable in unknown_variables():
        _log.warning("unknown_variable", "ignoring an unknown environment variable", variable=variable)
    warn_of_plain_http(accounts)
    if web_config.users and web_config.tls is None:
        _log.warning(
            "basic_auth_without_tls",
            "basic auth is enabled without TLS: set tls_server_config, or terminate TLS in front",
        )
    if _is_unguarded(settings, web_config):
        file = str(settings.web_config_file)
        _log.warning(
            "web_config_open",
            "the web config file enables neither TLS nor basic auth: anyone can read the metrics",
            file=file,
        )
    listening = " ".join(local_url(opened, web_config.scheme) for opened in sockets)
    told = {"version": __version__, "accounts": len(accounts), "listening": listening}
    _log.info("starting", "starting", **told, **_told_of(shard))
    _tell_of_idleness(accounts, shard)

    def reload() -> list[Account]:
        newest = load_settings(flags, again=True)
        usable = usable_accounts(newest, clients, shard)
        for name in _changed_beside_accounts(settings, newest):
            _log.warning(
                "setting_needs_restart", "a changed setting takes effect after a restart", setting=name
            )
        warn_of_plain_http(usable)
        _tell_of_idleness(usable, shard)
        return usable

    web = Web(
        sockets,
        settings.web_telemetry_path,
        lifecycle=settings.web_enable_lifecycle,
        config_file=settings.web_config_file,
        config=web_config,
    )
    uvloop.run(run_exporter(accounts, clients, web, reload=reload, log_events=log_events, shard=shard))
    _log.info("stopped", "stopped")


def _problems_of_web_config(flags: Mapping[str, object]) -> Sequence[str]:
    """Return what is wrong with a web configuration that flags or environment name, and with those."""
    try:
        _web_config(load_web_settings(flags))
    except SettingsError as error:
        return error.problems
    return ()


def _web_config(settings: Settings) -> WebConfig:
    return read_web_config(settings.web_config_file) if settings.web_config_file else WebConfig()


def _is_unguarded(settings: Settings, web_config: WebConfig) -> bool:
    """Return whether a file was named to guard the port, and leaves it open."""
    return bool(settings.web_config_file) and web_config.tls is None and not web_config.users


def _told_of(shard: Shard) -> dict[str, int]:
    return {"shard": shard.index, "total_shards": shard.total} if shard.total > 1 else {}


def _tell_of_idleness(accounts: list[Account], shard: Shard) -> None:
    if not accounts:
        _log.info("shard_empty", "no account belongs to this shard: nothing to poll", **_told_of(shard))


def _changed_beside_accounts(old: Settings, new: Settings) -> Iterator[str]:
    at_start = ("web_", "log_", "shard", "total_shards")
    names = (name for name in Settings.model_fields if name.startswith(at_start))
    return (name for name in names if getattr(old, name) != getattr(new, name))
