"""What a setting is called as a flag and as a variable, and which variables are misspelt."""

import os
import re
from typing import Final

from pin_exporter.config.settings import ENV_PREFIX, Settings
from pin_exporter.toolkit.errors import did_you_mean

_PLAIN_FLAGS: Final = {"shard": "--shard", "total_shards": "--total-shards"}
_SERVICE_VARIABLE: Final = re.compile(r"_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")


def flag_of(name: str) -> str:
    """Return a setting's flag: `web_listen_address` is `--web.listen-address`.

    `web_config_file` is `--web.config.file`, as with all of Prometheus' exporters.
    """
    section, _, rest = name.partition("_")
    dotted = f"{section}.{rest.replace('config_file', 'config.file')}"
    return _PLAIN_FLAGS.get(name) or f"--{dotted.replace('_', '-')}"


def variable_of(name: str) -> str:
    """Return a setting's environment variable."""
    return ENV_PREFIX + name.upper()


def unknown_variables() -> list[str]:
    """Return the environment variables with our prefix that set nothing, most likely misspelt.

    Kubernetes sets some for a Service called pin-exporter; those are left out.
    """
    known = {variable_of(name) for name in (*Settings.model_fields, "build_revision")}
    return sorted(
        name
        for name, value in os.environ.items()
        if name.startswith(ENV_PREFIX) and name not in known and not _is_kubernetes(name, value)
    )


def unknown_variable_problems() -> list[str]:
    """Return a line for each environment variable with our prefix that sets nothing."""
    problems = []
    for variable in unknown_variables():
        name = variable.removeprefix(ENV_PREFIX)
        known = [field.upper() for field in Settings.model_fields]
        hint = did_you_mean(name, known, prefix=ENV_PREFIX)
        problems.append(f"{variable}: is not a setting and has no effect{hint}")
    return problems


def _is_kubernetes(name: str, value: str) -> bool:
    return bool(_SERVICE_VARIABLE.search(name)) or (name.endswith("_PORT") and "://" in value)
