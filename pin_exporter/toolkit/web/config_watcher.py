"""Keep the web configuration in step with its files while the exporter runs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.files import Signature, signature
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.threads import aside
from pin_exporter.toolkit.web.config import WebConfig, read_web_config

_log = EventLogger(__name__)
_INTERVAL_SECONDS: Final = 1.0
_read_again = partial(read_web_config, again=True)


class Note(Protocol):
    """Is told whether the files as they are now are in force."""

    def __call__(self, *, accepted: bool) -> None:
        """Take note of it."""


class WebConfigWatch:
    """Looks at the file, and at all that it names, once a second.

    A bad change leaves the last good one in force.
    Signatures of files follow links, so a Kubernetes Secret that is swapped by one is seen too.
    """

    def __init__(
        self,
        path: Path,
        config: WebConfig,
        clock: Clock,
        note: Note,
        read: Callable[[Path], WebConfig] = _read_again,
    ) -> None:
        self.config = config
        self._path = path
        self._clock = clock
        self._note = note
        self._read = read
        # None: read once more, for nobody looked at signatures before the first reading.
        self._signature: Signature | None = None
        self._told = ""
        self._refusal = LogThrottle(clock.elapsed)
        note(accepted=True)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self._clock.sleep(_INTERVAL_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Put into force what has changed."""
        found = await aside(lambda: signature((self._path, *self.config.files)))
        if found == self._signature:
            return
        try:
            config = await aside(lambda: self._read(self._path))
            self._refuse_other_guards(config)
        except SettingsError as error:
            self._refused(str(error))
            return
        # Of other files than before, the signature is not known yet.
        self._signature = found if config.files == self.config.files else None
        changed = config.fingerprint != self.config.fingerprint
        if changed or self._told:
            _log.info("web_config_reloaded", "reloaded the web config file", file=str(self._path))
        if changed:
            self.config = config
        self._told = ""
        self._note(accepted=True)

    def _refuse_other_guards(self, config: WebConfig) -> None:
        """Raise SettingsError for what takes a restart."""
        if (config.tls is None) != (self.config.tls is None):
            raise SettingsError([f"{self._path}: TLS cannot be turned on or off while it runs: restart"])
        # A file that is being written is empty for a moment, which would let everybody in.
        if self.config.users and not config.users:
            raise SettingsError([f"{self._path}: passwords cannot be turned off while it runs: restart"])

    def _refused(self, problems: str) -> None:
        """Say so, hourly while it goes on, and read again at every look: what is wrong may not be watched."""
        self._signature = None
        times = self._refusal.happened(new=problems != self._told)
        if times is not None:
            self._note(accepted=False)
            told = {"error": problems, "times": times}
            _log.error(
                "web_config_reload_failed",
                "reloading the web config file failed; keeping the previous one",
                **told,
            )
        self._told = problems
