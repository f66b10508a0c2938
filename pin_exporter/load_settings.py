"""Load the settings: flags over environment over file over defaults, and every problem in one go."""

import difflib
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from pin_exporter.config_file import ConfigFile, Place, read_config_file
from pin_exporter.credentials import KeyFile, checked_key
from pin_exporter.errors import SettingsError
from pin_exporter.settings import ENV_PREFIX, AccountSettings, Settings, accounts_of

_KEYS: Final = ("api_key", "secret_key")


def load_settings(flags: Mapping[str, object]) -> Settings:
    """Return the checked settings; `flags` holds those given as flags, by the settings' names.

    Raises SettingsError with a line for each problem; no line shows a key.
    """
    environment = EnvSettingsSource(Settings)()
    chosen = {**environment, **flags}.get("config_file")
    file = read_config_file(Path(str(chosen))) if chosen is not None else None
    values = {**(file.values if file else {}), **environment, **flags}
    sources = _Sources(file, environment.keys(), flags.keys())
    problems = [*_misplaced(sources), *_key_problems(values, sources)]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        # Never the rejected input: it may be a key.
        details = error.errors(include_input=False, include_context=False, include_url=False)
        problems += [sources.describe(detail["loc"], detail["type"], detail["msg"]) for detail in details]
    else:
        problems += [] if problems else _cadence_problems(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def unknown_variables() -> list[str]:
    """Return the environment variables with our prefix that set nothing, most likely misspelt.

    Kubernetes sets some for a Service called pin-exporter; those are left out.
    """
    known = {variable_of(name) for name in (*Settings.model_fields, "build_revision")}
    ours = (name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known)
    return sorted(name for name in ours if "_SERVICE_" not in name and "_PORT" not in name)


def flag_of(name: str) -> str:
    """Return a setting's flag: `web_listen_address` is `--web.listen-address`."""
    section, _, rest = name.partition("_")
    return f"--{section}.{rest.replace('_', '-')}"


def variable_of(name: str) -> str:
    """Return a setting's environment variable."""
    return ENV_PREFIX + name.upper()


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where each value came from, to say where a problem is."""

    file: ConfigFile | None
    environment: Collection[str]
    flags: Collection[str]

    def locate(self, place: Place) -> str:
        name = str(place[0])
        if name in self.flags:
            return flag_of(name)
        if name in self.environment or self.file is None or name not in self.file.values:
            return variable_of(name)
        return self.file.locate(place)

    def describe(self, place: Place, kind: str, told: str) -> str:
        if kind == "extra_forbidden":
            known = Settings.model_fields if len(place) == 1 else AccountSettings.model_fields
            close = difflib.get_close_matches(str(place[-1]), known, n=1)
            told = "is not a setting" + (f": did you mean {close[0]}?" if close else "")
        elif kind == "missing":
            told = "is missing"
        told = told.removeprefix("Value error, ").replace("Input should be", "must be")
        return f"{self.locate(place)}: {told}"


def _misplaced(sources: _Sources) -> Iterator[str]:
    if "accounts" in sources.environment:
        yield f"{variable_of('accounts')}: accounts are listed in the file of {flag_of('config_file')}"
    if sources.file and "config_file" in sources.file.values:
        yield f"{sources.file.locate(('config_file',))}: a file cannot name another"


def _key_problems(values: Mapping[str, object], sources: _Sources) -> Iterator[str]:
    """Check the keys of all accounts, and that the accounts can be told apart."""
    names: list[object] = []
    entries = values.get("accounts")
    if any(values.get(name) for key in _KEYS for name in (key, f"{key}_file")):
        names.append(values.get("account", "default"))
        yield from _pair_problems(values, (), sources)
    elif not entries:
        yield (
            f"no account: set {variable_of('api_key')} and {variable_of('secret_key')}, or each as …_FILE, "
            f"or list accounts in the file of {flag_of('config_file')}"
        )
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            names.append(entry.get("name"))
            yield from _pair_problems(entry, ("accounts", index), sources)
    for name, times in Counter(map(str, names)).items():
        if times > 1:
            yield f"{times} accounts are called {name!r}: give each a name of its own"


def _pair_problems(values: Mapping[str, object], place: Place, sources: _Sources) -> Iterator[str]:
    for key in _KEYS:
        text, path = values.get(key), values.get(f"{key}_file")
        where = sources.locate((*place, key if text else f"{key}_file" if path else key))
        if text and path:
            yield f"{where}: {key} and {key}_file are both given: leave one out"
        elif not text and not path:
            yield f"{where}: is missing: give it or {key}_file"
        else:
            try:
                KeyFile(Path(str(path))).read() if path else checked_key(str(text))
            except ValueError as error:
                yield f"{where}: {error}"


def _cadence_problems(settings: Settings) -> list[str]:
    return [
        f"account {account.name!r}: stale_after must be longer than poll_interval"
        for account in accounts_of(settings)
        if account.stale_after is not None and account.stale_after <= account.poll_interval
    ]
