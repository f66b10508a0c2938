"""The exporter's environment variables: only those that a test sets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PREFIX = "PIN_EXPORTER_"


def clean(patch: pytest.MonkeyPatch) -> None:
    """Remove every variable of the exporter."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            patch.delenv(name)


def set_variables(patch: pytest.MonkeyPatch, **settings: str) -> None:
    """Set `PIN_EXPORTER_<NAME>` for each."""
    for name, value in settings.items():
        patch.setenv(PREFIX + name.upper(), value)


@contextmanager
def unchanged() -> Iterator[pytest.MonkeyPatch]:
    """Yield a patch of an environment without the exporter's variables; undo all changes at the end."""
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        yield patch
    os.environ.clear()
    os.environ.update(before)
