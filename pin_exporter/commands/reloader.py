"""Reload the configuration of the accounts, on SIGHUP or on request."""

import asyncio
from collections.abc import Callable, Sequence

from pin_exporter.config.accounts import Account
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.polling.manager import PollerManager
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.threads import run_in_thread

_log = EventLogger(__name__)


class ConfigReloader:
    """Loads the accounts again and applies them to the manager, one reload at a time.

    `load_accounts` raises SettingsError, and runs on another thread: there may be thousands of key files. A
    reload that fails keeps the previous configuration. Metrics and log show how the last one went.
    """

    def __init__(
        self,
        load_accounts: Callable[[], Sequence[Account]],
        manager: PollerManager,
        metrics: ExporterMetrics,
        clock: Clock,
    ) -> None:
        self._load_accounts = load_accounts
        self._manager = manager
        self._metrics = metrics
        self._clock = clock
        self._requested = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        metrics.config_loaded(succeeded=True, at=clock.wall())  # the first load, at the start

    def request(self) -> None:
        """Request a reload, which `run` then does. A signal handler may call this."""
        self._requested.set()

    async def run(self) -> None:
        """Reload on each request, until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            await self.reload()

    async def reload(self) -> Sequence[str]:
        """Reload now, and return the problems of the configuration, none if the reload succeeded."""
        async with self._one_at_a_time:
            try:
                accounts = await run_in_thread(self._load_accounts)
            except SettingsError as error:
                self._metrics.config_loaded(succeeded=False, at=self._clock.wall())
                _log.error(
                    "config_reload_failed",
                    "reloading the configuration failed; keeping the previous one",
                    error=str(error),
                )
                return error.problems
            self._manager.apply_config(accounts)
            self._metrics.config_loaded(succeeded=True, at=self._clock.wall())
            _log.info("config_reloaded", "reloaded the configuration", accounts=len(accounts))
            return ()
