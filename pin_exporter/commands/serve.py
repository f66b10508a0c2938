"""The command `serve`: run the exporter as it is configured, or only check the configuration."""

import argparse
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import uvloop

from pin_exporter import __version__
from pin_exporter.api.pool import HttpClients
from pin_exporter.commands.app import WebOptions, run_app
from pin_exporter.config.accounts import (
    Account,
    owners,
    path_of,
    shard_of,
    usable_accounts,
    warn_of_exposed_keys,
)
from pin_exporter.config.dotenv import ENV_FILE, EnvFile
from pin_exporter.config.loader import load_with_sources, web_config_path
from pin_exporter.config.names import (
    add_setting_flags,
    flags_given,
    is_configured,
    unknown_variables,
    variables_in_use,
)
from pin_exporter.config.settings import FIXED_AT_START, Settings
from pin_exporter.config.sources import Problem, Sources
from pin_exporter.metrics.exporter import LOG_EVENTS
from pin_exporter.polling.expected_file import log_bad_lines, read_file
from pin_exporter.toolkit.display_text import first_lines
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.files import max_connection_files
from pin_exporter.toolkit.logs import EventLogger, configure_logging
from pin_exporter.toolkit.output import write_standard_output
from pin_exporter.toolkit.web.config import read_web_config
from pin_exporter.toolkit.web.listener import bound_url, listen
from pin_exporter.toolkit.web.server import hangups_held
from pin_exporter.toolkit.yaml_file import YamlPath

_log: Final = EventLogger("pin_exporter")
_EPILOG: Final = """\
Every setting can also be given in the environment or in a config file; docs/configuration.md lists them. Keys
are never flags, because all users of a machine can see those: set PIN_EXPORTER_API_KEY and
PIN_EXPORTER_SECRET_KEY, or PIN_EXPORTER_API_KEY_FILE and PIN_EXPORTER_SECRET_KEY_FILE.
"""
_MAX_ACCOUNTS_SHOWN: Final = 20
_ACCOUNT_LINE: Final = "account {account}: {base_url} ({base_url_from}), API key {key} ({key_from})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_setting_flags(parser)
    parser.add_argument(
        "--config.check",
        action="store_true",
        dest="config_check",
        help="Check the settings and exit with status 0 or 2.",
    )
    parser.add_argument(
        "--or-demo",
        action="store_true",
        help="Run the demo instead if no account is configured, not even in part: there is no config file, "
        "and no variable except PIN_EXPORTER_WEB_* and PIN_EXPORTER_LOG_*.",
    )
    parser.epilog = _EPILOG


def run(parsed: argparse.Namespace) -> int:
    """Run the exporter, or check its configuration, and return the exit status."""
    flags, env_file = flags_given(parsed), parsed.env_file
    runs_demo = parsed.or_demo and not (env_file.has_problems or is_configured(flags))
    if parsed.config_check:
        lines = ["no account is configured: runs the demo"] if runs_demo else check_config(flags, env_file)
        with suppress(BrokenPipeError):
            write_standard_output("".join(f"{line}\n" for line in lines))
    elif runs_demo:
        from pin_exporter.commands import demo  # noqa: PLC0415 - imports the simulator

        return demo.run(parsed)
    else:
        run_serve(flags, env_file)
    return 0


@hangups_held()
def run_serve(flags: Mapping[str, object], env_file: EnvFile) -> None:
    """Run the exporter until SIGTERM or SIGINT; on SIGHUP, reload the accounts.

    `flags` are the settings given as flags. Raises SettingsError, ListenError, and an exception group for
    a bug.
    """
    configuration = Configuration(flags, env_file)
    settings = configuration.settings
    log_events = configure_logging("pin_exporter", LOG_EVENTS, settings.log_level, settings.log_format)
    sockets = [listen(address) for address in settings.web_listen_address]
    configuration.log_start([bound_url(opened, configuration.web_config.scheme) for opened in sockets])
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


def check_config(flags: Mapping[str, object], env_file: EnvFile) -> list[str]:
    """Return lines about what would run. Raises SettingsError for a configuration that cannot run."""
    try:
        configuration = Configuration(flags, env_file)
    except SettingsError as error:
        more = [problem for problem in _web_config_problems(flags) if problem not in error.problems]
        raise SettingsError([*error.problems, *more]) from None
    if problems := configuration.file_problems():
        raise SettingsError(problems)
    configuration.log_warnings()
    return configuration.summary()


class Configuration:
    """Everything that is configured. Only the accounts can be reloaded; the rest needs a restart.

    Raises SettingsError.
    """

    def __init__(self, flags: Mapping[str, object], env_file: EnvFile) -> None:
        self._flags = flags
        self._env_file = env_file
        self.settings, self._sources = load_with_sources(flags, env_file)
        self.clients = HttpClients(max_connections=max_connection_files())
        self.shard = shard_of(self.settings)
        self.accounts = usable_accounts(self.settings, self._sources, self.clients, self.shard)
        self.web_config = read_web_config(self.settings.web_config_file)

    def file_problems(self) -> list[str]:
        """Return a line for each file that the running exporter reads and that cannot be read now.

        None of them keeps the exporter from starting. Logs lines that are no CIDs.
        """
        accounts = {account.name: account for account in self.accounts}
        problems: dict[YamlPath, str | None] = {}
        for owner in owners(self.settings):
            if account := accounts.get(owner.name):
                for setting, check in _CHECKS.items():
                    path = path_of(setting, owner)
                    if path not in problems:  # others may use the same file of the top level
                        problems[path] = check(account)
        return self._sources.describe(
            [Problem(path, problem) for path, problem in problems.items() if problem]
        )

    def reload_accounts(self) -> list[Account]:
        """Return the accounts as they are configured now. Raises SettingsError."""
        settings, sources = load_with_sources(self._flags, self._env_file, again=True)
        accounts = usable_accounts(settings, sources, self.clients, self.shard)
        for name in sorted(FIXED_AT_START):
            if getattr(settings, name) != getattr(self.settings, name):
                message = "a changed setting takes effect after a restart"
                _log.warning("setting_needs_restart", message, setting=name)
        self._log_accounts(settings, sources, accounts)
        return accounts

    def summary(self) -> list[str]:
        """Return lines for people: what would run."""
        facts = self._facts(self.settings.web_listen_address)
        accounts = [_ACCOUNT_LINE.format(**facts) for facts in self._accounts_facts()]
        return [
            *(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()),
            *first_lines(accounts, _MAX_ACCOUNTS_SHOWN),
            *([] if accounts else ["no account belongs to this shard"]),
            "the settings are valid",
        ]

    def log_start(self, urls: Sequence[str]) -> None:
        """Log what runs from now on, and what is unusual about it."""
        _log.info("starting", "starting", version=__version__, **self._facts(urls))
        log = _log.info if len(self.accounts) <= _MAX_ACCOUNTS_SHOWN else _log.debug
        for facts in self._accounts_facts():
            log("account", "polling an account", **facts)
        self.log_warnings()

    def log_warnings(self) -> None:
        """Log what is unusual."""
        for variable, problem in unknown_variables().items():
            _log.warning("unknown_variable", f"an environment variable {problem}", variable=variable)
        tls, users, file = self.web_config.tls, self.web_config.users, self.settings.web_config_file
        if users and tls is None:
            _log.warning(
                "basic_auth_without_tls",
                "basic auth is enabled without TLS: set tls_server_config, or terminate TLS in front",
            )
        if file and not users and tls is None:
            message = "the web config file enables neither TLS nor basic auth: anyone can read the metrics"
            _log.warning("web_config_open", message, file=str(file))
        self._log_accounts(self.settings, self._sources, self.accounts)

    def _log_accounts(self, settings: Settings, sources: Sources, accounts: Sequence[Account]) -> None:
        warn_of_exposed_keys(settings, sources, accounts)
        if not accounts:
            _log.info(
                "shard_empty",
                "no account belongs to this shard: nothing to poll",
                shard=self.shard.index,
                total_shards=self.shard.total,
            )

    def _facts(self, listening: Sequence[str]) -> dict[str, object]:
        """Return what runs: the files and variables that were read, accounts, addresses, and protection."""
        tls = self.web_config.tls
        methods = {
            "TLS": tls,
            "client certificates": tls and tls.context.verify_mode is ssl.CERT_REQUIRED,
            "basic auth": self.web_config.users,
        }
        facts: dict[str, object] = {
            "config_file": self.settings.config_file,
            "web_config_file": self.settings.web_config_file,
            "env_file": str(ENV_FILE) if self._env_file.variables else None,
            "variables": " ".join(variables_in_use()) or "none",
            "accounts": str(len(self.accounts)),
            "listening": " ".join(listening),
            "protection": ", ".join(method for method, enabled in methods.items() if enabled) or "none",
        }
        if self.shard.total > 1:
            facts |= {"shard": str(self.shard.index), "total_shards": str(self.shard.total)}
        return {name: value for name, value in facts.items() if value}

    def _accounts_facts(self) -> Iterator[dict[str, str]]:
        """Yield what identifies each account, and where that was given."""
        by_name = {account.name: account for account in self.accounts}
        for owner in owners(self.settings):
            if account := by_name.get(owner.name):
                key = "api_key" if owner.own.api_key else "api_key_file"
                yield {
                    "account": account.name,
                    "base_url": account.base_url,
                    "base_url_from": self._source(path_of("base_url", owner)),
                    "key": account.credentials.last.fingerprint,
                    "key_from": self._source((*owner.path, key)),
                }

    def _source(self, path: YamlPath) -> str:
        return self._sources.locate(path) if path[0] in self.settings.model_fields_set else "default"


def _expected_cids_problem(account: Account) -> str | None:
    if account.expected_cids_file is None:
        return None
    try:
        cids = read_file(account.expected_cids_file)
    except OSError as error:
        return f"cannot read the file: {error.strerror}"
    except ValueError as error:
        return f"cannot read the file: {error}"
    log_bad_lines(account.name, cids)
    return None


def _gateway_token_problem(account: Account) -> str | None:
    try:
        account.gateway_token()
    except ValueError as error:
        return str(error)
    return None


_CHECKS: Final[Mapping[str, Callable[[Account], str | None]]] = {
    "expected_cids_file": _expected_cids_problem,
    "gateway_token_file": _gateway_token_problem,
}
"""For each setting, what says why its file cannot be used, in one line."""


def _web_config_problems(flags: Mapping[str, object]) -> Sequence[str]:
    """Return the problems of a web config file, whatever else is wrong."""
    try:
        read_web_config(web_config_path(flags))
    except SettingsError as error:
        return error.problems
    return ()
