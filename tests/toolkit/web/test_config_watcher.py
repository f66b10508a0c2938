import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest

from pin_exporter.toolkit.web.config import WebConfig, read_web_config
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from tests.support.certificates import Authority
from tests.support.clocks import FakeClock
from tests.support.logged import events

ONE, TWO = (bcrypt.hashpw(b"x", b"$2b$04$" + salt * 21 + b"u").decode() for salt in (b"a", b"e"))
WRITTEN = "basic_auth_users:\n  one: {}\n"


class Watched:
    """A web config file with the user `one`, and its watcher."""

    def __init__(self, path: Path, content: str = WRITTEN.format(ONE)) -> None:
        if not path.exists():
            path.write_text(content)
        self.path = path
        self.clock = FakeClock()
        self.watcher = WebConfigWatcher(path, read_web_config(path), self.clock)

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            asyncio.run(self.watcher.look())

    @property
    def state(self) -> tuple[str, bool]:
        """The hash in force, and whether that is what the files contain."""
        return self.watcher.config.users[b"one"].decode(), self.watcher.is_current


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "web.yml")


def error(caplog: pytest.LogCaptureFixture) -> str:
    return str(vars(caplog.records[-1])["error"])


def test_a_changed_file_is_in_force_at_the_next_look_and_logged_once(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watched.path.write_text(WRITTEN.format(TWO))  # before the first look
    watched.look(3)
    assert watched.state == (TWO, True)
    assert events(caplog) == ["web_config_reloaded"]
    watched.path.write_text(WRITTEN.format(ONE))
    watched.look()
    assert watched.state == (ONE, True)


@pytest.mark.parametrize(
    "bad", ["basic_auth_users: {one: x}\n", "[", "tls_server_config: {key_file: none}\n", "", "{}\n"]
)
def test_a_bad_change_keeps_the_previous_config_and_is_logged_hourly_until_it_is_repaired(
    watched: Watched, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    watched.look()
    watched.path.write_text(bad)
    watched.look(3)
    assert watched.state == (ONE, False)
    assert events(caplog) == ["web_config_reload_failed"]
    assert ONE not in caplog.text
    watched.clock.now += 3_600
    watched.look(2)
    assert [vars(record)["times"] for record in caplog.records] == [1, 3]
    watched.path.write_text(WRITTEN.format(TWO))
    watched.look()
    assert watched.state == (TWO, True)


@pytest.mark.parametrize("replace", [None, os.mkfifo])  # a pipe would be waited for
def test_a_file_that_is_missing_for_a_while_changes_nothing(
    watched: Watched, replace: Callable[[Path], None] | None
) -> None:
    watched.look()
    watched.path.unlink()
    if replace:
        replace(watched.path)
    watched.look(2)
    assert watched.state == (ONE, False)
    watched.path.unlink(missing_ok=True)
    watched.path.write_text(WRITTEN.format(ONE))
    watched.look()
    assert watched.state == (ONE, True)


def test_basic_auth_can_be_turned_on_but_not_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(tmp_path / "web.yml", "")
    watched.path.write_text(WRITTEN.format(ONE))
    watched.look()
    assert watched.state == (ONE, True)
    watched.path.write_text("")
    watched.look()
    assert watched.state == (ONE, False)
    assert "basic auth cannot be turned off" in error(caplog)


def test_a_file_that_is_swapped_by_a_link_as_in_kubernetes_is_noticed(tmp_path: Path) -> None:
    for name, hashed in (("..first", ONE), ("..second", TWO)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.yml").write_text(WRITTEN.format(hashed))
    data = tmp_path / "..data"
    data.symlink_to("..first")
    (tmp_path / "web.yml").symlink_to("..data/web.yml")
    watched = Watched(tmp_path / "web.yml")
    watched.look(2)
    (tmp_path / "..new").symlink_to("..second")
    (tmp_path / "..new").rename(data)
    watched.look()
    assert watched.state == (TWO, True)


def test_a_new_certificate_is_in_force_as_soon_as_its_key_is_there_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    authority.issue("server")
    watched = Watched(
        tmp_path / "web.yml", "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
    )
    watched.look(2)
    before = watched.watcher.config
    renewed = authority.issue("renewed")
    renewed.certificate.replace(tmp_path / "server.crt")
    watched.look()
    assert watched.watcher.config is before
    assert "the key does not belong to the certificate" in error(caplog)
    renewed.key.replace(tmp_path / "server.key")
    watched.look()
    assert watched.watcher.config is not before

    watched.path.write_text("basic_auth_users: {}\n")
    watched.look()
    assert watched.watcher.config.tls is not None
    assert "TLS cannot be turned on or off" in error(caplog)


class ThreeSeconds(FakeClock):
    """Ends after three seconds. They pass at once, while files are read on a thread in real time."""

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) == 3:
            raise asyncio.CancelledError
        self.slept.append(seconds)


@pytest.mark.parametrize("has_file", [True, False])
def test_it_looks_once_a_second(watched: Watched, has_file: bool) -> None:
    clock = ThreeSeconds()
    path = watched.path if has_file else None
    watcher = WebConfigWatcher(path, WebConfig(), clock)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watcher.run())
    assert clock.slept == [1.0, 1.0, 1.0]
    assert (b"one" in watcher.config.users) == has_file
