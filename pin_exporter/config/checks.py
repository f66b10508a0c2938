"""Check what no value shows alone: keys, values that must fit each other, and the files for TLS."""

from collections.abc import Iterator, Mapping
from functools import cache

from pin_exporter.api.proxy_tls import TlsFiles
from pin_exporter.config.accounts import applied, owners, path_of, shard_of
from pin_exporter.config.settings import KeySettings, Settings
from pin_exporter.config.sources import Problem, Sources
from pin_exporter.toolkit.yaml_file import YamlPath


def key_problems(values: Mapping[str, object], sources: Sources) -> Iterator[Problem]:
    """Check that each account has its keys and a name of its own, in values that are not validated yet."""
    names: set[str] = set()
    if any(name in values for name in KeySettings.model_fields):
        names.add(str(values.get("account", Settings.model_fields["account"].default)))
        yield from _pair_problems(values, (), sources)
    entries = values.get("accounts")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            name = entry.get("name")
            if isinstance(name, str):
                if name in names:
                    yield Problem(("accounts", index, "name"), "is already the name of another account")
                names.add(name)
            yield from _pair_problems(entry, ("accounts", index), sources)


def _pair_problems(values: Mapping[str, object], path: YamlPath, sources: Sources) -> Iterator[Problem]:
    for key in ("api_key", "secret_key"):
        file = f"{key}_file"
        if key in values and file in values:
            message = f"{sources.spelled(file, (*path, file))} is set as well: remove one of them"
            yield Problem((*path, key), message)
        elif key not in values and file not in values:
            at = path or tuple(name for name in KeySettings.model_fields if name in values)[:1]
            names = " or ".join(sources.spelled(name, at) for name in (key, file))
            yield Problem(at, f"the {key.replace('_', ' ')} is missing: set {names}")


def joint_problems(settings: Settings) -> Iterator[Problem]:
    """Check values that must fit each other, and the files for TLS. Yields each problem once."""
    yield from _shard_problems(settings)
    shard = shard_of(settings)

    @cache
    def problems_of(files: TlsFiles) -> tuple[tuple[str, str], ...]:
        # Thousands of accounts may name the same CAs, which take 25 ms to read.
        return tuple(files.problems())

    problems: dict[YamlPath, str] = {}
    for owner in owners(settings):
        own = owner.own
        account = applied(own, settings)
        stale_after, interval = account.stale_after, account.poll_interval
        if stale_after is not None and stale_after <= interval:
            if "stale_after" not in own.model_fields_set and "poll_interval" in own.model_fields_set:
                message = f"{interval:.15g}s must be shorter than stale_after, which is {stale_after:.15g}s"
                problems.setdefault(path_of("poll_interval", owner), message)
            else:
                message = f"{stale_after:.15g}s must be longer than poll_interval, which is {interval:.15g}s"
                problems.setdefault(path_of("stale_after", owner), message)
        if account.gateway_token_file and not account.gateway_url:
            problems.setdefault(path_of("gateway_token_file", owner), "requires gateway_url")
        if shard.owns(owner.name):  # otherwise this process does not need its files
            files = TlsFiles(account.ca_file, account.client_cert_file, account.client_key_file)
            for setting, message in problems_of(files):
                problems.setdefault(path_of(setting, owner), message)
    yield from (Problem(path, message) for path, message in problems.items())


def _shard_problems(settings: Settings) -> Iterator[Problem]:
    shard, total = settings.shard, settings.total_shards
    if shard is None:
        if total > 1:
            yield Problem(("total_shards",), f"needs shard as well: set it to 0 to {total - 1}")
    elif "total_shards" not in settings.model_fields_set:
        yield Problem(("shard",), "needs total_shards as well: set it to the number of shards")
    elif shard >= total:
        yield Problem(("shard",), f"must be less than total_shards, which is {total}")
