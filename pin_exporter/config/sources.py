"""Where each value of the settings came from, to say where a problem is."""

from collections.abc import Collection
from dataclasses import dataclass

from pin_exporter.config.dotenv import ENV_FILE, NO_ENV_FILE, EnvFile
from pin_exporter.config.names import FLAGS, variable_of
from pin_exporter.toolkit.yaml_file import YamlFile, YamlPath


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a setting: its path, such as `("accounts", 0, "api_key")`, and the message.

    `is_unknown` says that there is no setting of this name.
    """

    path: YamlPath
    message: str
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """The config file, the settings that the environment and the flags give, and what `.env` set of them."""

    file: YamlFile | None = None
    environment: Collection[str] = ()
    flags: Collection[str] = ()
    env_file: EnvFile = NO_ENV_FILE

    def is_in_file(self, path: YamlPath) -> bool:
        """Return whether the value at a path is taken from the config file."""
        return (
            self.file is not None
            and path[0] in self.file.values
            and path[0] not in self.environment
            and path[0] not in self.flags
        )

    def locate(self, path: YamlPath, *, is_unknown: bool = False) -> str:
        """Return where a value is given: a line of the config file, a flag, or a variable."""
        name = str(path[0])
        if self.file is not None and self.is_in_file(path):
            return self.file.locate(path, unknown=is_unknown)
        if name in self.flags:
            return FLAGS[name].name
        variable = variable_of(name)
        return f"{variable} in {ENV_FILE}" if variable in self.env_file.variables else variable

    def spelled(self, name: str, beside: YamlPath) -> str:
        """Return a setting's name in the file if the setting beside it is in there, else its variable."""
        return name if self.is_in_file(beside) else variable_of(name)

    def describe(self, problems: Collection[Problem]) -> list[str]:
        """Return a line for each problem, those of the file last and in the order of its lines."""
        return [
            f"{self.locate(problem.path, is_unknown=problem.is_unknown)}: {problem.message}"
            for problem in sorted(problems, key=lambda problem: self._line_of(problem.path))
        ]

    def _line_of(self, path: YamlPath) -> int:
        """Return the line of the file that a value is in, 0 if it is elsewhere."""
        return self.file.line_of(path) if self.file is not None and self.is_in_file(path) else 0
