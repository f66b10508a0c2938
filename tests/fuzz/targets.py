"""What is fuzzed: a target fails if its input causes anything but our own exceptions."""

import asyncio
import itertools
import json
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import strategies as st

from pin_exporter.api.decode import decode_page
from pin_exporter.api.errors import MalformedError, PollError, RateLimitedError, ServerError
from pin_exporter.api.model import Collector, Page
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.status_errors import ApiResponse, bounded_headers, error_for_status
from pin_exporter.config.accounts import accounts_of
from pin_exporter.config.loader import load_settings
from pin_exporter.doctor.probe import MAX_REQUESTS
from pin_exporter.doctor.report import as_json, as_text
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.web.config import cost_of, read_web_config
from tests.fuzz import material
from tests.support.diagnosis import diagnosed
from tests.support.environment import clean
from tests.support.service import API_KEY, SECRET_KEY, credentials, pin_api
from tests.support.web_config_files import contents

MAX_LINE_LENGTH = 2_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Target:
    """Code that is fuzzed, and its input."""

    name: str
    material: st.SearchStrategy[Any]
    check: Callable[[Any], None]


def check_line(line: str, *, may_show_keys: bool = False) -> None:
    """Fail unless this is one printable line without a key."""
    assert line, "empty line"
    assert line.isprintable(), repr(line)
    assert len(line) < MAX_LINE_LENGTH, len(line)
    assert may_show_keys or not _shows_a_key(line), line


def _shows_a_key(line: str) -> bool:
    return any(key.lower() in line.lower() for key in (API_KEY, SECRET_KEY))


def check_file(read: Callable[[Path], object], content: bytes, *, shows_names: bool = False) -> None:
    """Fail if a reader raises anything but a SettingsError with printable problems.

    With `shows_names` it can show unknown names, even if they are keys.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        clean(patch)
        path = Path(folder) / "file.yml"
        path.write_bytes(content)
        try:
            read(path)
        except SettingsError as error:
            for problem in error.problems or [""]:
                check_line(
                    problem,
                    may_show_keys=shows_names and _shows_a_key(problem) and _is_named_by_a_key(content),
                )


def _use_config(path: Path) -> None:
    """Load a config file, and create the clients of its accounts."""
    settings = load_settings({"config_file": str(path)})
    for account in accounts_of(settings):
        if not _shows_a_key(account.base_url):  # URLs are shown
            HttpClients().check(account.base_url, account.route)


def _use_web_config(path: Path) -> None:
    """Read a web config next to a certificate, and check its values."""
    for name, content in contents().items():
        (path.parent / name).write_bytes(content)
    config = read_web_config(path)
    assert not _shows_a_key(repr(replace(config, headers={})))
    assert all(4 <= cost_of(known) <= 16 for known in config.users.values())
    assert all(name.isascii() and value.isascii() for name, value in config.headers.items())


def _is_named_by_a_key(content: bytes) -> bool:
    """Return whether a name, such as that of a user, contains a key."""

    def names(node: yaml.Node | None) -> bool:
        if isinstance(node, yaml.MappingNode):
            return any(_holds_key(key) or names(value) for key, value in node.value)
        return isinstance(node, yaml.SequenceNode) and any(map(names, node.value))

    try:
        return names(yaml.compose(content, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return False


def _holds_key(node: yaml.Node) -> bool:
    # A hash is recognized by its beginning, and not shown even as a name.
    return isinstance(node, yaml.ScalarNode) and _shows_a_key(re.sub(r"(?s)\$2\w?\$.*", "", node.value))


def _check_body(body: bytes) -> None:
    try:
        page = decode_page(body, credentials().redact)
    except MalformedError as error:
        check_line(str(error))
    else:
        assert isinstance(page, Page)


def _check_error(response: tuple[int, list[tuple[str, str]], bytes]) -> None:
    status, headers, body = response
    kept = bounded_headers(headers)
    wrapped = ApiResponse(status, kept.get("location"), bytearray(body), kept)
    error = error_for_status(wrapped, host="api.test", fingerprint="0", now=NOW, redact=credentials().redact)
    check_line(str(error))
    if isinstance(error, RateLimitedError | ServerError) and error.retry_after_seconds is not None:
        assert 0 <= error.retry_after_seconds < 1e12


def _check_request(response: tuple[int, list[tuple[str, str]], bytes]) -> None:
    status, headers, body = response
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    api = pin_api(lambda _: httpx.Response(status, headers=raw, stream=httpx.ByteStream(body)))

    async def ask() -> None:
        with suppress(PollError):
            await api.send({"limit": 1})
        try:
            await api.list_pins(Collector.TOTALS, offset=0, limit=1)
        except PollError as error:
            check_line(str(error))

    asyncio.run(ask())


def _check_diagnosis(responses: list[tuple[int, list[tuple[str, str]], bytes]]) -> None:
    """Diagnose a server that repeats these responses."""
    coming = itertools.cycle(responses)

    def service(_: httpx.Request) -> httpx.Response:
        status, headers, body = next(coming)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        return httpx.Response(status, headers=raw, stream=httpx.ByteStream(body))

    diagnosis = diagnosed(service).diagnosis
    assert diagnosis.requests <= MAX_REQUESTS
    assert as_text(diagnosis, verbose=True)
    assert json.loads(as_json([diagnosis]))["accounts"]
    for finding in diagnosis.findings:
        check_line(finding.message)
        check_line(finding.action or "nothing")


TARGETS = (
    Target("config files", material.config_contents(), partial(check_file, _use_config)),
    Target(
        "web config files",
        material.web_config_contents(),
        partial(check_file, _use_web_config, shows_names=True),
    ),
    Target("pages", material.bodies(), _check_body),
    Target("errors", material.responses(), _check_error),
    Target("requests", material.responses(), _check_request),
    Target("diagnoses", st.lists(material.responses(), min_size=1, max_size=5), _check_diagnosis),
)
