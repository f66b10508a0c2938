"""Find what is wrong with settings that are good each for itself: together, or with the files they name."""

from collections.abc import Iterator

from pin_exporter.config_file import Place
from pin_exporter.route import TlsFiles
from pin_exporter.settings import AccountSettings, Settings, in_force


def joint_problems(settings: Settings) -> Iterator[tuple[Place, str]]:
    """Yield the place of the setting to change and what is wrong, each once."""
    problems: dict[Place, str] = {}
    for place, own in _owners(settings):
        chosen = in_force(own, settings)
        if chosen["stale_after"] is not None and chosen["stale_after"] <= chosen["poll_interval"]:
            name = next((n for n in ("stale_after", "poll_interval") if getattr(own, n) is not None), "")
            told = "stale_after must be longer than poll_interval"
            problems.setdefault((*place, name) if name else ("stale_after",), told)
        files = TlsFiles(*(chosen[name] for name in ("ca_file", "client_cert_file", "client_key_file")))
        for name, told in files.problems():
            problems.setdefault((*place, name) if getattr(own, name) is not None else (name,), told)
    yield from problems.items()


def _owners(settings: Settings) -> Iterator[tuple[Place, Settings | AccountSettings]]:
    if settings.api_key or settings.api_key_file:
        yield (), settings
    for index, entry in enumerate(settings.accounts):
        yield ("accounts", index), entry
