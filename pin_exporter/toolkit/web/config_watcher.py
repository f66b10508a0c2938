"""Reload the web config file while the exporter runs, as soon as it or a file that it names changes."""

from pathlib import Path

from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.files import Signature, signature
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.threads import run_in_thread
from pin_exporter.toolkit.web.config import WebConfig, read_web_config

_log = EventLogger(__name__)


class WebConfigWatcher:
    """Holds the current web config, and looks for changes of its files once a second.

    A change that cannot be loaded keeps the previous configuration. Without a path nothing is watched.
    Signatures follow symbolic links, so a Kubernetes Secret that is swapped by a link is noticed, too.
    """

    def __init__(
        self, path: Path | None, config: WebConfig, clock: Clock, *, interval_seconds: float = 1.0
    ) -> None:
        self.config = config
        self.is_current = True
        """Whether `config` is what the files contain; False while they contain something wrong."""
        self._path = path
        self._clock = clock
        self._interval_seconds = interval_seconds
        # None: load once more, for the files may have changed since they were first loaded.
        self._signature: Signature | None = None
        self._problem = ""
        self._throttle = LogThrottle(clock.elapsed)

    async def run(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await self._clock.sleep(self._interval_seconds)
            await self.look()

    async def look(self) -> None:
        """Load the files if they changed."""
        path, before = self._path, self.config
        if path is None:
            return
        current = await run_in_thread(lambda: signature((path, *before.files)))
        if current == self._signature:
            return
        try:
            config = await run_in_thread(lambda: read_web_config(path, again=True))
            _check_transition(path, before, config)
        except SettingsError as error:
            self._failed(str(error))
            return
        # The signature of files that were not named before is not known yet: look again.
        self._signature = current if config.files == before.files else None
        changed = config.fingerprint != before.fingerprint
        if changed:
            self.config = config
        if changed or self._problem:
            _log.info("web_config_reloaded", "reloaded the web config file", file=str(path))
        self._problem = ""
        self.is_current = True

    def _failed(self, problem: str) -> None:
        """Log the problem, at once and then hourly. Load again at every look: the cause may be elsewhere."""
        self._signature = None
        times = self._throttle.happened(new=problem != self._problem)
        self._problem = problem
        self.is_current = False
        if times is not None:
            _log.error(
                "web_config_reload_failed",
                "reloading the web config file failed; keeping the previous one",
                error=problem,
                times=times,
            )


def _check_transition(path: Path, before: WebConfig, after: WebConfig) -> None:
    """Raise SettingsError for a change that needs a restart."""
    if (before.tls is None) != (after.tls is None):
        raise SettingsError([f"{path}: TLS cannot be turned on or off at run time: restart the exporter"])
    # A file that is being written is empty for a moment, which must not let everybody in.
    if before.users and not after.users:
        raise SettingsError([f"{path}: basic auth cannot be turned off at run time: restart the exporter"])
