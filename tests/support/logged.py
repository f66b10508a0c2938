"""Log records by their event ids."""

import logging

import pytest


def event(record: logging.LogRecord) -> str:
    """Return the id of a record's event."""
    return str(vars(record)["event"])


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the ids of all events, in order."""
    return [event(record) for record in caplog.records]
