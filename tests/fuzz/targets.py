"""What is fuzzed: each target takes its material and fails when anything but our own errors comes of it."""

import asyncio
import itertools
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
from pin_exporter.api.status_errors import ApiResponse, bounded_headers, error_for_status
from pin_exporter.api.transport import HttpClients
from pin_exporter.config.accounts import accounts_of
from pin_exporter.config.loader import load_settings
from pin_exporter.doctor.probe import MAX_REQUESTS
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.web.config import cost_of, read_web_config
from tests.fuzz.material import answers, bodies, config_contents, web_config_contents
from tests.support.diagnosis import diagnosed
from tests.support.environment import clean
from tests.support.service import API_KEY, SECRET_KEY, credentials, pin_api
from tests.support.web_config_files import contents

LONGEST_LINE = 2_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Target:
    """Where material goes."""

    name: str
    material: st.SearchStrategy[Any]
    check: Callable[[Any], None]


def check_line(line: str, *, may_show_keys: bool = False) -> None:
    """Fail unless this is one line for an operator, without a key in it."""
    assert line, "nothing is said"
    assert line.isprintable(), repr(line)
    assert len(line) < LONGEST_LINE, len(line)
    assert may_show_keys or not _shows_a_key(line), line


def _shows_a_key(line: str) -> bool:
    return any(key.lower() in line.lower() for key in (API_KEY, SECRET_KEY))


def check_file(read: Callable[[Path], object], content: bytes, *, shows_names: bool = False) -> None:
    """Fail when a reader of files raises anything else for one than a SettingsError that can be shown.

    `shows_names` says that it shows names that it does not know, also when they are keys.
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
    """Load a configuration file, and make the clients for its accounts."""
    settings = load_settings({"config_file": str(path)})
    for account in accounts_of(settings):
        if not _shows_a_key(account.base_url):  # a URL is shown, whatever was put there
            HttpClients().check(account.base_url, account.route)


def _use_web_config(path: Path) -> None:
    """Read a web configuration beside a certificate, and what there is to read in it."""
    for name, content in contents().items():
        (path.parent / name).write_bytes(content)
    config = read_web_config(path)
    assert not _shows_a_key(repr(replace(config, headers={})))
    assert all(4 <= cost_of(known) <= 16 for known in config.users.values())
    assert all(name.isascii() and value.isascii() for name, value in config.headers.items())


def _is_named_by_a_key(content: bytes) -> bool:
    """Return whether something is called like a key, as a user can be."""

    def names(node: yaml.Node | None) -> bool:
        if isinstance(node, yaml.MappingNode):
            return any(_holds_key(key) or names(value) for key, value in node.value)
        return isinstance(node, yaml.SequenceNode) and any(map(names, node.value))

    try:
        return names(yaml.compose(content, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return False


def _holds_key(node: yaml.Node) -> bool:
    # A hash is known by how it begins, and is not shown even as a name.
    return isinstance(node, yaml.ScalarNode) and _shows_a_key(re.sub(r"(?s)\$2\w?\$.*", "", node.value))


def _check_body(body: bytes) -> None:
    try:
        page = decode_page(body, credentials().redact)
    except MalformedError as error:
        check_line(str(error))
    else:
        assert isinstance(page, Page)


def _check_refusal(answered: tuple[int, list[tuple[str, str]], bytes]) -> None:
    status, headers, body = answered
    kept = bounded_headers(headers)
    answer = ApiResponse(status, kept.get("location"), kept.get("retry-after"), bytearray(body))
    error = error_for_status(answer, host="api.test", fingerprint="0", now=NOW, redact=credentials().redact)
    check_line(str(error))
    if isinstance(error, RateLimitedError | ServerError) and error.retry_after_seconds is not None:
        assert 0 <= error.retry_after_seconds < 1e12


def _check_exchange(answered: tuple[int, list[tuple[str, str]], bytes]) -> None:
    status, headers, body = answered
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


def _check_diagnosis(answered: list[tuple[int, list[tuple[str, str]], bytes]]) -> None:
    """Diagnose a server that gives these answers, one after the other, over and over."""
    coming = itertools.cycle(answered)

    def service(_: httpx.Request) -> httpx.Response:
        status, headers, body = next(coming)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        return httpx.Response(status, headers=raw, stream=httpx.ByteStream(body))

    diagnosis = diagnosed(service).diagnosis
    assert diagnosis.requests <= MAX_REQUESTS
    for finding in diagnosis.findings:
        check_line(finding.message)
        check_line(finding.action or "nothing")


TARGETS = (
    Target("configuration files", config_contents(), partial(check_file, _use_config)),
    Target(
        "web configuration files",
        web_config_contents(),
        partial(check_file, _use_web_config, shows_names=True),
    ),
    Target("bodies of pages", bodies(), _check_body),
    Target("refusals", answers(), _check_refusal),
    Target("exchanges", answers(), _check_exchange),
    Target("diagnoses", st.lists(answers(), min_size=1, max_size=5), _check_diagnosis),
)
