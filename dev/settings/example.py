"""Make the example of a config file: every setting, described, with its default or commented out."""

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from dev.settings.schema import NOT_IN_FILE
from pin_exporter.config.names import default_of
from pin_exporter.config.settings import ACCOUNT_KEYS, AccountSettings, Settings

_WIDTH: Final = 110
_TEMPLATE: Final = """\
# yaml-language-server: $schema=config.schema.json

# Config file of pin-exporter, given as --config.file. It shows every setting with its default, or commented
# out where there is none. Durations are written as 90 (seconds), 60s, 5m or 1h30m, sizes as 500GiB or 1.5TiB.
# Relative paths are relative to the directory of this file.
#
# `pin-exporter --config.file=FILE --config.check` checks a file. SIGHUP reloads it.

## Account settings, for all accounts. Each entry of `accounts` can have its own.

{account_settings}

## Accounts

accounts:
  - name: production
    api_key_file: /run/secrets/production-api-key
    secret_key_file: /run/secrets/production-secret-key
    size_limit: 2TiB
  - name: backups
    # Keys can also be in this file. Then only its owner should be able to read it: chmod 600.
    api_key: the-api-key
    secret_key: the-secret-key
    poll_interval: 15m

## Keys outside of `accounts` add one more account.

{keys}

## Exporter settings. Changes need a restart.

{exporter_settings}
"""


def example() -> str:
    """Return the file's content."""
    names = [name for name in Settings.model_fields if name not in NOT_IN_FILE]
    keys = [name for name in names if name in ACCOUNT_KEYS - {"accounts"}]
    others = [name for name in names if name not in {*ACCOUNT_KEYS, *AccountSettings.model_fields}]
    return _TEMPLATE.format(
        account_settings=_lines(AccountSettings.model_fields),
        keys=_lines(keys, commented=True),
        exporter_settings=_lines(others),
    )


def _lines(names: Iterable[str], *, commented: bool = False) -> str:
    return "\n".join(line for name in names for line in _setting(name, commented=commented))


def _setting(name: str, *, commented: bool) -> Iterator[str]:
    field = Settings.model_fields[name]
    yield from textwrap.wrap(
        str(field.description), _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    if default := default_of(name):
        value = json.dumps(field.default) if isinstance(field.default, tuple) else default
        yield f"{'#' if commented else ''}{name}: {value}"
    else:
        yield f"#{name}: {(field.examples or ['…'])[0]}"
