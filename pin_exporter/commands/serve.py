"""The command `serve`: run the exporter as it is configured, or only check the configuration."""

import argparse
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import uvloop

from pin_exporter import PROGRAM, __version__
from pin_exporter.api.pool import HttpClients
from pin_exporter.commands.app import WebOptions, run_app
from pin_exporter.config.accounts import (
    READABLE_BY_ALL,
    Account,
    is_config_file_exposed,
    shard_of,
    usable_accounts,
    warn_of_exposed_keys,
)
from pin_exporter.config.loader import load_settings, load_web_settings
from pin_exporter.config.names import (
    add_setting_flags,
    flags_given,
    unknown_variable_problems,
    unknown_variables,
    variables_in_use,
)
from pin_exporter.config.settings import FIXED_AT_START, Settings
from pin_exporter.metrics.exporter import LOG_EVENTS
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.logs import EventLogger, configure_logging
from pin_exporter.toolkit.output import print_error, write_standard_output
from pin_exporter.toolkit.web.config import read_web_config
from pin_exporter.toolkit.web.listener import bound_url, listen
from pin_exporter.toolkit.web.server import hangups_held

_log: Final = EventLogger("pin_exporter")
_EPILOG: Final = """\
Every setting can also be given in the environment or in a config file; docs/configuration.md lists them. Keys
are never flags, because all users of a machine can see those: set PIN_EXPORTER_API_KEY and
PIN_EXPORTER_SECRET_KEY, or PIN_EXPORTER_API_KEY_FILE and PIN_EXPORTER_SECRET_KEY_FILE.
"""
_MAX_ACCOUNTS_SHOWN: Final = 20
_OPEN_PORT: Final = "enables neither TLS nor basic auth: anyone can read the metrics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_setting_flags(parser)
    parser.add_argument(
        "--config.check",
        action="store_true",
        dest="config_check",
        help="Check the settings and exit with status 0 or 2.",
    )
    parser.epilog = _EPILOG


def run(parsed: argparse.Namespace) -> int:
    """Run the exporter, or check its configuration, and return the exit status."""
    flags = flags_given(parsed)
    if not parsed.config_check:
        run_serve(flags)
        return 0
    lines = check_config(flags)
    for problem in unknown_variable_problems():
        print_error(PROGRAM, problem)
    with suppress(BrokenPipeError):
        write_standard_output("".join(f"{line}\n" for line in lines))
    return 0


@hangups_held()
def run_serve(flags: Mapping[str, object]) -> None:
    """Run the exporter until SIGTERM or SIGINT; on SIGHUP, reload the accounts.

    `flags` are the settings given as flags. Raises SettingsError, ListenError, and an exception group for
    a bug.
    """
    configuration = Configuration(flags)
    settings = configuration.settings
    log_events = configure_logging("pin_exporter", LOG_EVENTS, settings.log_level, settings.log_format)
    sockets = [listen(address) for address in settings.web_listen_address]
    urls = [bound_url(opened, configuration.web_config.scheme) for opened in sockets]
    configuration.log_start(" ".join(urls))
    web = WebOptions(
        sockets,
        settings.web_telemetry_path,
        config_file=settings.web_config_file,
        config=configuration.web_config,
        enable_reload=settings.web_enable_lifecycle,
        allowed_hosts=settings.web_allowed_hosts,
    )
    uvloop.run(
        run_app(
            configuration.accounts,
            configuration.clients,
            web,
            load_accounts=configuration.reload_accounts,
            log_events=log_events,
            shard=configuration.shard,
        )
    )
    _log.info("stopped", "stopped")


def check_config(flags: Mapping[str, object]) -> list[str]:
    """Return lines about what would run. Raises SettingsError for a configuration that cannot run."""
    try:
        configuration = Configuration(flags)
    except SettingsError as error:
        more = [problem for problem in _web_config_problems(flags) if problem not in error.problems]
        raise SettingsError([*error.problems, *more]) from None
    if is_config_file_exposed(configuration.settings):
        print_error(PROGRAM, f"{configuration.settings.config_file}: {READABLE_BY_ALL}")
    if configuration.leaves_port_open:
        print_error(PROGRAM, f"{configuration.settings.web_config_file}: {_OPEN_PORT}")
    return configuration.summary()


class Configuration:
    """Everything that is configured. Only the accounts can be reloaded; the rest needs a restart.

    Raises SettingsError.
    """

    def __init__(self, flags: Mapping[str, object]) -> None:
        self._flags = flags
        self.settings = load_settings(flags)
        self.clients = HttpClients()
        self.shard = shard_of(self.settings)
        self.accounts = usable_accounts(self.settings, self.clients, self.shard)
        self.web_config = read_web_config(self.settings.web_config_file)

    @property
    def leaves_port_open(self) -> bool:
        """Return whether there is a web config file that protects nothing."""
        has_protection = self.web_config.tls is not None or self.web_config.users
        return bool(self.settings.web_config_file) and not has_protection

    def reload_accounts(self) -> list[Account]:
        """Return the accounts as they are configured now. Raises SettingsError."""
        settings = load_settings(self._flags, again=True)
        accounts = usable_accounts(settings, self.clients, self.shard)
        for name in sorted(FIXED_AT_START):
            if getattr(settings, name) != getattr(self.settings, name):
                message = "a changed setting takes effect after a restart"
                _log.warning("setting_needs_restart", message, setting=name)
        self._log_accounts(settings, accounts)
        return accounts

    def summary(self) -> list[str]:
        """Return lines for people: what was read, the accounts, and how the port is protected."""
        accounts = [f"{name}: {url}, API key {key}" for name, url, key in map(_identity, self.accounts)]
        more = len(accounts) - _MAX_ACCOUNTS_SHOWN
        return [
            *(f"{name.replace('_', ' ')}: {value}" for name, value in self._inputs().items()),
            f"listening: {' '.join(self.settings.web_listen_address)}, protection: {self._protection()}",
            *(f"account {account}" for account in accounts[:_MAX_ACCOUNTS_SHOWN]),
            *([f"and {more} more accounts"] if more > 0 else []),
            *([] if accounts else ["no account belongs to this shard"]),
            "the settings are valid",
        ]

    def log_start(self, listening: str) -> None:
        """Log what runs from now on, and what is unusual about it."""
        for variable in unknown_variables():
            _log.warning("unknown_variable", "ignoring an unknown environment variable", variable=variable)
        if self.web_config.users and self.web_config.tls is None:
            _log.warning(
                "basic_auth_without_tls",
                "basic auth is enabled without TLS: set tls_server_config, or terminate TLS in front",
            )
        if self.leaves_port_open:
            _log.warning(
                "web_config_open",
                f"the web config file {_OPEN_PORT}",
                file=str(self.settings.web_config_file),
            )
        _log.info(
            "starting",
            "starting",
            version=__version__,
            accounts=len(self.accounts),
            listening=listening,
            protection=self._protection(),
            **self._inputs(),
            **self._shard_fields(),
        )
        for name, url, key in map(_identity, self.accounts):
            log = _log.info if len(self.accounts) <= _MAX_ACCOUNTS_SHOWN else _log.debug
            log("account", "polling an account", account=name, base_url=url, key=key)
        self._log_accounts(self.settings, self.accounts)

    def _log_accounts(self, settings: Settings, accounts: Sequence[Account]) -> None:
        warn_of_exposed_keys(settings, accounts)
        if not accounts:
            _log.info(
                "shard_empty", "no account belongs to this shard: nothing to poll", **self._shard_fields()
            )

    def _inputs(self) -> dict[str, str]:
        """Return the files and variables that were read."""
        files = {
            "config_file": self.settings.config_file,
            "web_config_file": self.settings.web_config_file,
            "env_file": Path(".env") if Path(".env").is_file() else None,
        }
        return {
            **{name: str(path) for name, path in files.items() if path},
            "variables": " ".join(variables_in_use()) or "none",
        }

    def _protection(self) -> str:
        tls = self.web_config.tls
        methods = {
            "TLS": tls,
            "client certificates": tls and tls.context.verify_mode is ssl.CERT_REQUIRED,
            "basic auth": self.web_config.users,
        }
        return ", ".join(method for method, is_enabled in methods.items() if is_enabled) or "none"

    def _shard_fields(self) -> dict[str, int]:
        shard = self.shard
        return {"shard": shard.index, "total_shards": shard.total} if shard.total > 1 else {}


def _identity(account: Account) -> tuple[str, str, str]:
    return account.name, account.base_url, account.credentials.last.fingerprint


def _web_config_problems(flags: Mapping[str, object]) -> Sequence[str]:
    """Return the problems of a web config file that is named by a flag or the environment."""
    try:
        read_web_config(load_web_settings(flags).web_config_file)
    except SettingsError as error:
        return error.problems
    return ()
