"""Read the configuration again when told to; one that is wrong leaves what runs as it is."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.threads import aside

_log = EventLogger(__name__)

T = TypeVar("T")


class Note(Protocol):
    """Is told whether the configuration that was read is in force now."""

    def __call__(self, *, accepted: bool) -> None:
        """Take note of it."""


class Reloader(Generic[T]):
    """Reads the configuration again, on SIGHUP or by request, one reload at a time.

    `load` returns the accounts or raises SettingsError; it may take its time, for it runs on another thread.
    `apply` puts them into force, or raises it, too.
    """

    def __init__(
        self,
        load: Callable[[], Sequence[T]],
        apply: Callable[[Sequence[T]], None],
        note: Note,
    ) -> None:
        self._load = load
        self._apply = apply
        self._note = note
        self._asked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    def ask(self) -> None:
        """Ask for a reload, which `run` then does: what a signal handler can do."""
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self.reload()

    async def reload(self) -> Sequence[str]:
        """Reload, and return what is wrong with the configuration, nothing if it is in force now."""
        async with self._one_at_a_time:
            try:
                accounts = await aside(self._load)
                self._apply(accounts)
            except SettingsError as error:
                self._note(accepted=False)
                _log.error(
                    "config_reload_failed",
                    "reloading the configuration failed; keeping the previous one",
                    error=str(error),
                )
                return error.problems
            self._note(accepted=True)
            _log.info("config_reloaded", "reloaded the configuration", accounts=len(accounts))
            return ()
