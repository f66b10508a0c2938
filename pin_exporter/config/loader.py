"""Load the settings from flags, environment and config file, and report all problems at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from pin_exporter import PROGRAM
from pin_exporter.config.checks import joint_problems, key_problems
from pin_exporter.config.dotenv import NO_ENV_FILE, EnvFile
from pin_exporter.config.names import FILE_SETTINGS, FLAGS, variable_of
from pin_exporter.config.settings import AccountEntry, KeySettings, Settings
from pin_exporter.config.sources import Problem, Sources
from pin_exporter.toolkit.errors import SettingsError, did_you_mean
from pin_exporter.toolkit.yaml_file import YamlFile, YamlPath, read_yaml_file

_MESSAGES: Final = {
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


def load_settings(flags: Mapping[str, object]) -> Settings:
    """Return the checked settings, as `load_with_sources` does."""
    return load_with_sources(flags)[0]


def load_with_sources(
    flags: Mapping[str, object], env_file: EnvFile = NO_ENV_FILE, *, again: bool = False
) -> tuple[Settings, Sources]:
    """Return the checked settings and where they come from; `flags` are those given as flags, by name.

    Flags take precedence over the environment, the environment over the config file. `env_file` is what is
    already in the environment. `again` says that the
    file was read before. Raises SettingsError with a line for each problem, those of the file in the order of
    its lines; no line shows a key. Key files are not read yet: see `accounts_of`.
    """
    values, sources = _given(flags, env_file, again=again)
    settings, problems = _validated(values)
    problems += [*_misplaced(sources), *key_problems(values, sources)]
    if settings is not None:
        problems += joint_problems(settings)
    lines = sources.describe(problems)
    if not values.get("accounts") and not any(name in values for name in KeySettings.model_fields):
        lines.insert(0, _no_account(sources.file))
    if settings is None or lines:
        raise SettingsError(lines)
    return settings, sources


def load_web_settings(flags: Mapping[str, object]) -> Settings:
    """Return the settings for serving and logging alone, those of no account, from flags and environment.

    Raises SettingsError with a line for each problem.
    """
    values, sources = _given(flags, reads_file=False)
    settings, problems = _validated(
        {name: value for name, value in values.items() if name.startswith(("web_", "log_"))}
    )
    if settings is None:
        raise SettingsError(sources.describe(problems))
    return settings


def web_config_path(flags: Mapping[str, object]) -> Path | None:
    """Return the web config file that is named, whatever is wrong with other settings.

    Raises SettingsError for a config file that cannot be read.
    """
    path = _given(flags)[0].get("web_config_file")
    return None if path is None else Path(str(path))


def _given(
    flags: Mapping[str, object],
    env_file: EnvFile = NO_ENV_FILE,
    *,
    reads_file: bool = True,
    again: bool = False,
) -> tuple[dict[str, object], Sources]:
    """Return all values that are given, not validated yet, and where they come from."""
    environment = EnvSettingsSource(Settings)()
    path = {**environment, **flags}.get("config_file")
    file = None
    if reads_file and path is not None:
        file = read_yaml_file(Path(str(path)), example="poll_interval: 60s", again=again)
    values = {**(_values_of(file) if file else {}), **environment, **flags}
    # Only the config file itself can have a problem with the name of a config file.
    own = {"config_file"}
    return values, Sources(file, environment.keys() - own, flags.keys() - own, env_file)


def _values_of(file: YamlFile) -> dict[str, object]:
    """Return the values of the file, without empty ones.

    Paths are relative to the file's directory. A pipe such as `<(…)` has none: they stay as they are.
    """
    is_pipe = file.file_path.is_relative_to("/dev") or file.file_path.is_relative_to("/proc")
    folder = Path() if is_pipe else file.file_path.parent
    values = _resolved(file.values, folder)
    entries = values.get("accounts")
    if isinstance(entries, list):
        values["accounts"] = [
            _resolved(entry, folder) if isinstance(entry, dict) else entry for entry in entries
        ]
    return values


def _resolved(values: Mapping[str, object], folder: Path) -> dict[str, object]:
    return {
        name: folder / value if name in FILE_SETTINGS and isinstance(value, str) else value
        for name, value in values.items()
        if value is not None or name not in (*Settings.model_fields, "name")
    }


def _validated(values: Mapping[str, object]) -> tuple[Settings | None, list[Problem]]:
    """Return the settings, or None and what is wrong with each value."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in Settings.model_fields}
    problems = [_unknown((name,)) for name in values if name not in known]
    try:
        settings = Settings(**known)
    except ValidationError as error:
        # Never the rejected input: it may be a key.
        details = error.errors(include_input=False, include_context=False, include_url=False)
        return None, problems + [_problem(detail["loc"], detail["type"], detail["msg"]) for detail in details]
    return None if problems else settings, problems


def _problem(path: YamlPath, kind: str, message: str) -> Problem:
    if kind == "extra_forbidden":
        return _unknown(path)
    if path == ("accounts",):
        return Problem(path, "must be a list, whose entries begin with `- name:`")
    message = _MESSAGES.get(kind, message).removeprefix("Value error, ")
    return Problem(path, message.replace("Input should be", "must be"))


def _unknown(path: YamlPath) -> Problem:
    known = Settings.model_fields if len(path) == 1 else AccountEntry.model_fields
    return Problem(path, f"is not a setting{did_you_mean(str(path[-1]), known)}", is_unknown=True)


def _misplaced(sources: Sources) -> list[Problem]:
    problems = []
    if "accounts" in sources.environment:
        message = f"is not possible: list accounts in a config file ({FLAGS['config_file'].name})"
        problems.append(Problem(("accounts",), message))
    if sources.file and "config_file" in sources.file.values:
        problems.append(Problem(("config_file",), "is not possible here: a config file cannot name another"))
    return problems


def _no_account(file: YamlFile | None) -> str:
    key, secret = variable_of("api_key"), variable_of("secret_key")
    variables = f"{key} and {secret}, or {key}_FILE and {secret}_FILE"
    if file is None:
        return (
            f"no account: set {variables}, or list accounts in a config file ({FLAGS['config_file'].name}); "
            f"{PROGRAM} demo shows metrics without an account"
        )
    if "accounts" in file.values:
        return f"{file.locate(('accounts',))}: is empty: add an account, or set {variables}"
    empty = "" if file.values else ", the file is empty"
    return f"{file.file_path}: no account{empty}: list accounts under `accounts`, or set {variables}"
