import asyncio
import logging
import os
from pathlib import Path

import bcrypt
import pytest

from pin_exporter.toolkit.web.config import read_web_config
from pin_exporter.toolkit.web.config_watcher import WebConfigWatch
from tests.support.certificates import Authority
from tests.support.clocks import FakeClock
from tests.support.logged import event

ONE, TWO = (bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode() for _ in range(2))
WRITTEN = "basic_auth_users:\n  one: {}\n"


class Watched:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.noted: list[bool] = []
        self.clock = FakeClock()
        self.watch = WebConfigWatch(path, read_web_config(path), self.clock, self.note)

    def note(self, *, accepted: bool) -> None:
        self.noted.append(accepted)

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            asyncio.run(self.watch.look())

    @property
    def hash(self) -> str:
        return self.watch.config.users[b"one"].decode()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    path = tmp_path / "web.yml"
    path.write_text(WRITTEN.format(ONE))
    return Watched(path)


def test_a_changed_file_is_in_force_at_the_next_look_and_told_of_once(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watched.look(2)
    assert not caplog.records
    watched.path.write_text(WRITTEN.format(TWO))
    watched.look(3)
    assert watched.hash == TWO
    assert [event(record) for record in caplog.records] == ["web_config_reloaded"]
    assert all(watched.noted)


def test_a_pipe_in_place_of_the_file_is_refused_and_not_waited_for(watched: Watched) -> None:
    watched.path.unlink()
    os.mkfifo(watched.path)
    watched.look()
    assert (watched.hash, watched.noted[-1]) == (ONE, False)
    watched.path.unlink()
    watched.path.write_text(WRITTEN.format(TWO))
    watched.look()
    assert (watched.hash, watched.noted[-1]) == (TWO, True)


def test_a_change_between_the_first_reading_and_the_first_look_is_seen(watched: Watched) -> None:
    watched.path.write_text(WRITTEN.format(TWO))
    watched.look()
    assert watched.hash == TWO


@pytest.mark.parametrize(
    "bad", ["basic_auth_users: {one: x}\n", "[", "tls_server_config: {key_file: none}\n", "", "{}\n"]
)
def test_a_bad_change_leaves_what_was_and_is_told_of_hourly_until_it_is_made_good(
    watched: Watched, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    watched.look()
    watched.path.write_text(bad)
    watched.look(3)
    assert watched.hash == ONE
    assert [event(record) for record in caplog.records] == ["web_config_reload_failed"]
    assert ONE not in caplog.text
    assert watched.noted[-1] is False
    watched.clock.now += 3_600
    watched.look(2)
    assert [vars(record)["times"] for record in caplog.records] == [1, 3], "hourly, with a count"
    watched.path.write_text(WRITTEN.format(TWO))
    watched.look()
    assert watched.hash == TWO
    assert watched.noted[-1] is True


def test_passwords_can_be_turned_on_but_not_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "web.yml"
    path.write_text("")
    watched = Watched(path)
    path.write_text(WRITTEN.format(ONE))
    watched.look()
    assert watched.hash == ONE
    path.write_text("")
    watched.look()
    assert watched.hash == ONE
    assert "passwords cannot be turned off while it runs" in vars(caplog.records[-1])["error"]


def test_a_file_that_is_gone_for_a_while_changes_nothing(watched: Watched) -> None:
    watched.look()
    watched.path.unlink()
    watched.look(2)
    assert (watched.hash, watched.noted[-1]) == (ONE, False)
    watched.path.write_text(WRITTEN.format(ONE))
    watched.look()
    assert (watched.hash, watched.noted[-1]) == (ONE, True)


def test_a_file_that_is_swapped_by_a_link_as_kubernetes_does_is_seen(tmp_path: Path) -> None:
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
    assert watched.hash == TWO


def test_a_certificate_that_changes_is_in_force_and_one_without_its_key_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    authority.issue("server")
    path = tmp_path / "web.yml"
    path.write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
    watched = Watched(path)
    watched.look(2)
    before = watched.watch.config
    renewed = authority.issue("renewed")
    renewed.certificate.replace(tmp_path / "server.crt")
    watched.look()
    assert watched.watch.config is before
    assert "the key does not belong to the certificate" in vars(caplog.records[-1])["error"]
    renewed.key.replace(tmp_path / "server.key")
    watched.look()
    assert watched.watch.config is not before

    path.write_text("basic_auth_users: {}\n")
    watched.look()
    assert watched.watch.config.tls is not None
    assert "TLS cannot be turned on or off while it runs" in vars(caplog.records[-1])["error"]


class ThreeSeconds(FakeClock):
    """Lets no more than three seconds pass: threads, which files are read on, have a time of their own."""

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) == 3:
            raise asyncio.CancelledError
        self.slept.append(seconds)


def test_it_looks_once_a_second(watched: Watched) -> None:
    clock = ThreeSeconds()
    watch = WebConfigWatch(watched.path, watched.watch.config, clock, watched.note)
    watched.path.write_text(WRITTEN.format(TWO))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch.run())
    assert clock.slept == [1.0, 1.0, 1.0]
    assert watch.config.users[b"one"] == TWO.encode()
