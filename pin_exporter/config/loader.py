"""Load the settings from flags, environment and config file, and report all problems at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from pin_exporter.config.checks import Problem, joint_problems, key_problems
from pin_exporter.config.names import FILE_SETTINGS, FLAGS, variable_of
from pin_exporter.config.settings import AccountEntry, KeySettings, Settings
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


def load_settings(flags: Mapping[str, object], *, again: bool = False) -> Settings:
    """Return the checked settings; `flags` are those given as flags, by the settings' names.

    Flags take precedence over the environment, the environment over the config file. `again` says that the
    file was read before. Raises SettingsError with a line for each problem, those of the file in the order of
    its lines; no line shows a key.
    """
    environment = EnvSettingsSource(Settings)()
    path = {**environment, **flags}.get("config_file")
    example = "poll_interval: 60s"
    file = None if path is None else read_yaml_file(Path(str(path)), example=example, again=again)
    values = {**(_values_of(file) if file else {}), **environment, **flags}
    # Only the config file itself can have a problem with the name of a config file.
    sources = _Sources(file, environment.keys() - {"config_file"}, flags.keys() - {"config_file"})
    settings, problems = _validated(values)
    problems += [*_misplaced(sources), *key_problems(values, sources.spelled)]
    if settings is not None:
        problems += joint_problems(settings)
    lines = [sources.describe(problem) for problem in sorted(problems, key=sources.line_of)]
    if not values.get("accounts") and not any(name in values for name in KeySettings.model_fields):
        lines.insert(0, _no_account(file))
    if settings is None or lines:
        raise SettingsError(lines)
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
    settings, problems = _validated({**environment, **flags})
    if settings is None:
        sources = _Sources(None, environment.keys(), flags.keys())
        raise SettingsError([sources.describe(problem) for problem in problems])
    return settings


def _values_of(file: YamlFile) -> dict[str, object]:
    """Return the values of the file, without empty ones, and with paths relative to the file's directory."""
    values = _resolved(file.values, file.file_path.parent)
    entries = values.get("accounts")
    if isinstance(entries, list):
        values["accounts"] = [
            _resolved(entry, file.file_path.parent) if isinstance(entry, dict) else entry for entry in entries
        ]
    return values


def _resolved(values: Mapping[str, object], folder: Path) -> dict[str, object]:
    return {
        name: folder / value if name in FILE_SETTINGS and isinstance(value, str) else value
        for name, value in values.items()
        if value is not None or name not in (*Settings.model_fields, "name")
    }


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where each value came from, to say where a problem is."""

    file: YamlFile | None
    environment: Collection[str]
    flags: Collection[str]

    def describe(self, problem: Problem) -> str:
        """Return the line to show."""
        return f"{self._locate(problem.path, is_unknown=problem.is_unknown)}: {problem.message}"

    def spelled(self, name: str, beside: YamlPath) -> str:
        """Return a setting's name in the file if the setting beside it is in there, else its variable."""
        return name if self._is_in_file(beside) else variable_of(name)

    def line_of(self, problem: Problem) -> int:
        """Return the line of the file that a problem is in, 0 if it is elsewhere."""
        path = problem.path
        if self.file is None or not self._is_in_file(path):
            return 0
        while path not in self.file.lines:
            path = path[:-1]
        return self.file.lines[path]

    def _is_in_file(self, path: YamlPath) -> bool:
        name = path[0]
        return (
            self.file is not None
            and name in self.file.values
            and name not in self.environment
            and name not in self.flags
        )

    def _locate(self, path: YamlPath, *, is_unknown: bool = False) -> str:
        name = str(path[0])
        if self.file is not None and self._is_in_file(path):
            return self.file.locate(path, unknown=is_unknown)
        return FLAGS[name].name if name in self.flags else variable_of(name)


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


def _misplaced(sources: _Sources) -> list[Problem]:
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
        return f"no account: set {variables}, or list accounts in a config file ({FLAGS['config_file'].name})"
    if "accounts" in file.values:
        return f"{file.locate(('accounts',))}: is empty: add an account, or set {variables}"
    empty = "" if file.values else ", the file is empty"
    return f"{file.file_path}: no account{empty}: list accounts under `accounts`, or set {variables}"
