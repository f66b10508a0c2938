"""Settings for all tests: patient examples, signals as at a terminal, a clean environment."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from tests.support.certificates import Authority

settings.register_profile("patient", deadline=None, phases=set(Phase) - {Phase.explain})
settings.load_profile("patient")

# nohup and a shell's background jobs ignore these, and everything that a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

_LEAKING = {"ARGS", "COLUMNS", "LINES", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SSL_CERT_FILE", "SSL_CERT_DIR"}
for name in list(os.environ):
    if name.upper().endswith("_PROXY") or name.upper().startswith("PIN_EXPORTER_") or name in _LEAKING:
        del os.environ[name]


@pytest.fixture(autouse=True)
def _hooks() -> Iterator[None]:
    """Put back what configuring the log replaces."""
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    logging.captureWarnings(capture=False)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
