"""Load the settings: flags over environment over file over defaults, and every problem in one go."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from pin_exporter.api.credentials import read_key_file
from pin_exporter.config.accounts import shard_of_values
from pin_exporter.config.checks import joint_problems
from pin_exporter.config.names import flag_of, variable_of
from pin_exporter.config.settings import AccountSettings, Settings
from pin_exporter.toolkit.errors import SettingsError, did_you_mean
from pin_exporter.toolkit.yaml_file import ConfigFile, Place, read_config_file

_KEYS: Final = ("api_key", "secret_key")
_TOLD: Final = {
    "missing": "is missing",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping with a name and keys",
    "string_type": "must be text",
    "path_type": "must be a path",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
}
"""What to say instead of the library's own words, by its type of problem."""


def load_settings(flags: Mapping[str, object], *, again: bool = False) -> Settings:
    """Return the checked settings; `flags` holds those given as flags, by the settings' names.

    `again` says that the file was read before. Raises SettingsError with a line for each problem; no line
    shows a key.
    """
    environment = EnvSettingsSource(Settings)()
    chosen = {**environment, **flags}.get("config_file")
    file = read_config_file(Path(str(chosen)), again=again) if chosen is not None else None
    values = {**(file.values if file else {}), **environment, **flags}
    sources = _Sources(file, environment.keys(), flags.keys())
    problems = [*_misplaced(sources), *_key_problems(values, sources)]
    settings = _checked(values, sources, problems)
    if settings is not None:
        problems += [f"{sources.locate(place)}: {told}" for place, told in joint_problems(settings)]
    if problems and file and not file.values:
        problems.insert(0, f"{file.path}: sets nothing: it is empty, or holds comments only")
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def load_web_settings(flags: Mapping[str, object]) -> Settings:
    """Return the settings for serving and logging alone, those of no account, from flags and environment.

    Raises SettingsError with a line for each problem.
    """
    environment = {
        name: value
        for name, value in EnvSettingsSource(Settings)().items()
        if name.startswith(("web_", "log_"))
    }
    problems: list[str] = []
    settings = _checked({**environment, **flags}, _Sources(None, environment.keys(), flags.keys()), problems)
    if settings is None:
        raise SettingsError(problems)
    return settings


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where each value came from, to say where a problem is."""

    file: ConfigFile | None
    environment: Collection[str]
    flags: Collection[str]

    def locate(self, place: Place, *, unknown: bool = False) -> str:
        name = str(place[0])
        if name in self.flags:
            return flag_of(name)
        if name in self.environment or self.file is None or name not in self.file.values:
            return variable_of(name)
        return self.file.locate(place, unknown=unknown)

    def describe(self, place: Place, kind: str, told: str) -> str:
        told = _TOLD.get(kind, told)
        if kind == "extra_forbidden":
            known = Settings.model_fields if len(place) == 1 else AccountSettings.model_fields
            told = f"is not a setting{did_you_mean(str(place[-1]), known)}"
        elif place == ("accounts",):
            told = "must be a list, whose entries begin with `- name:`"
        told = told.removeprefix("Value error, ").replace("Input should be", "must be")
        return f"{self.locate(place, unknown=kind == 'extra_forbidden')}: {told}"


def _checked(values: Mapping[str, object], sources: _Sources, problems: list[str]) -> Settings | None:
    """Return the settings, or add what is wrong with each value to the problems and return None."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in Settings.model_fields}
    unknown = values.keys() - known
    problems += [sources.describe((name,), "extra_forbidden", "") for name in values if name in unknown]
    try:
        settings = Settings(**known)
    except ValidationError as error:
        # Never the rejected input: it may be a key.
        details = error.errors(include_input=False, include_context=False, include_url=False)
        problems += [sources.describe(detail["loc"], detail["type"], detail["msg"]) for detail in details]
        return None
    return settings


def _misplaced(sources: _Sources) -> Iterator[str]:
    if "accounts" in sources.environment:
        yield f"{variable_of('accounts')}: accounts are listed in the file of {flag_of('config_file')}"
    if sources.file and "config_file" in sources.file.values:
        yield f"{sources.file.locate(('config_file',))}: a file cannot name another"


def _key_problems(values: Mapping[str, object], sources: _Sources) -> Iterator[str]:
    """Check the keys of all accounts, but no files of other shards, and that accounts can be told apart."""
    names: set[str] = set()
    shard = shard_of_values(values)
    entries = values.get("accounts")
    if any(values.get(name) for key in _KEYS for name in (key, f"{key}_file")):
        account = str(values.get("account", Settings.model_fields["account"].default))
        names.add(account)
        yield from _pair_problems(values, (), sources, shard.owns(account))
    elif not entries:
        yield (
            f"no account: set {variable_of('api_key')} and {variable_of('secret_key')}, or each as …_FILE, "
            f"or list accounts in the file of {flag_of('config_file')}"
        )
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            place: Place = ("accounts", index)
            name = entry.get("name")
            if isinstance(name, str):  # the library tells of others
                if name in names:
                    told = "another account has this name: give each its own"
                    yield f"{sources.locate((*place, 'name'))}: {told}"
                names.add(name)
            yield from _pair_problems(entry, place, sources, shard.owns(str(name)))


def _pair_problems(values: Mapping[str, object], place: Place, sources: _Sources, own: bool) -> Iterator[str]:
    for key in _KEYS:
        text, path = values.get(key), values.get(f"{key}_file")
        where = sources.locate((*place, key if text else f"{key}_file" if path else key))
        if text and path:
            yield f"{where}: {key} and {key}_file are both given: leave one out"
        elif not text and not path:
            yield f"{where}: is missing: give it or {key}_file"
        elif isinstance(path, str | Path) and path and own:  # the type of a key checks its text
            try:
                read_key_file(Path(path))
            except ValueError as error:
                yield f"{where}: {error}"
