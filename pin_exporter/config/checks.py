"""Find what is wrong with settings that are good each for itself: together, or with the files they name."""

from collections.abc import Iterator
from functools import cache

from pin_exporter.api.proxy_tls import TlsFiles
from pin_exporter.config.accounts import in_force, shard_of
from pin_exporter.config.settings import AccountSettings, Settings
from pin_exporter.toolkit.yaml_file import Place


def joint_problems(settings: Settings) -> Iterator[tuple[Place, str]]:
    """Yield the place of the setting to change and what is wrong, each once."""
    problems: dict[Place, str] = {}
    for name, told in _shard_problems(settings):
        problems[name,] = told
    shard = shard_of(settings)

    @cache
    def problems_of(files: TlsFiles) -> tuple[tuple[str, str], ...]:
        # Thousands of accounts may name the same CAs, which take 25 ms to read.
        return tuple(files.problems())

    for place, name, own in _owners(settings):
        chosen = in_force(own, settings)
        stale_after, poll_interval = chosen["stale_after"], chosen["poll_interval"]
        if stale_after is not None and stale_after <= poll_interval:
            at = next((n for n in ("stale_after", "poll_interval") if getattr(own, n) is not None), "")
            told = f"{stale_after:.15g}s must be longer than poll_interval, which is {poll_interval:.15g}s"
            if at == "poll_interval":
                told = f"{poll_interval:.15g}s must be shorter than stale_after, which is {stale_after:.15g}s"
            problems.setdefault((*place, at) if at else ("stale_after",), told)
        if not shard.owns(name):
            continue  # its files are none of this process's business
        files = TlsFiles(chosen["ca_file"], chosen["client_cert_file"], chosen["client_key_file"])
        for at, told in problems_of(files):
            problems.setdefault((*place, at) if getattr(own, at) is not None else (at,), told)
    yield from problems.items()


def _shard_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    shard, total = settings.shard, settings.total_shards
    if shard is None:
        if total > 1:
            yield "total_shards", f"is given without shard: say which of {total} this is, 0 to {total - 1}"
    elif "total_shards" not in settings.model_fields_set:
        yield "shard", "is given without total_shards: say how many shards there are"
    elif shard >= total:
        yield "shard", f"must be less than total_shards: {total} shards count from 0 to {total - 1}"


def _owners(settings: Settings) -> Iterator[tuple[Place, str, Settings | AccountSettings]]:
    if settings.api_key or settings.api_key_file:
        yield (), settings.account, settings
    for index, entry in enumerate(settings.accounts):
        yield ("accounts", index), entry.name, entry
