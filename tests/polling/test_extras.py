"""What is read besides the list: compared with each inventory, and kept over a reload."""

import asyncio
import random
from pathlib import Path

import pytest

from pin_exporter.api.model import Collector
from pin_exporter.config.accounts import Account
from pin_exporter.inventory.expected import ExpectedState
from pin_exporter.polling.expected_file import ExpectedFile
from pin_exporter.polling.poller import AccountPoller, Extras, Reading
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.retrieval.sampler import RetrievalSampler
from pin_exporter.retrieval.samples import Attempt, Result
from tests.inventory.test_expected import CIDS
from tests.polling.test_manager import Running, account
from tests.support.clocks import FakeClock
from tests.support.samples import varied
from tests.support.service import Service, retrying_client, row

PAGE_SIZE = 100
LONG = 7 * PAGE_SIZE


class Gateway:
    """A gateway that has everything."""

    def __init__(self) -> None:
        self.cids: list[str] = []

    async def fetch(self, cid: str) -> Attempt:
        self.cids.append(cid)
        return Attempt(Result.OK)


class Compared:
    """An account of many pins, of which two have a CID that is expected."""

    def __init__(self, path: Path, *, follows: bool) -> None:
        self.clock = FakeClock()
        self.service = Service(self.clock, LONG)
        self.service.rows[3]["cid"] = CIDS[0]
        self.service.rows[-1] |= {"cid": CIDS[1], "status": "failed", "pinned": False}
        self.path = path
        path.write_text("\n".join(CIDS[:3]))
        self.gateway = Gateway()
        file = ExpectedFile(path, "a", self.clock.wall, self.clock.elapsed)
        self.sampler = RetrievalSampler(self.gateway, self.clock, random.Random(1), 60)
        client, budget = retrying_client(self.service, self.clock)
        self.poller = AccountPoller(
            "a",
            client,
            PollSchedule(60.0, None, budget.background_per_minute),
            self.clock,
            reading=Reading(PAGE_SIZE, 1, follows=follows),
            extras=Extras(file, self.sampler),
        )

    def poll(self) -> dict[ExpectedState, int]:
        """Poll, and return the states that CIDs have."""
        asyncio.run(self.poller.poll(Collector.INVENTORY))
        self.clock.now += 60
        counted = self.poller.snapshot.counted
        assert counted is not None
        assert counted.expected is not None
        return {state: number for state, number in counted.expected.by_state.items() if number}


@pytest.mark.parametrize("follows", [False, True])
def test_each_inventory_is_compared_with_the_list_as_it_is_then(tmp_path: Path, follows: bool) -> None:
    compared = Compared(tmp_path / "cids", follows=follows)
    assert compared.poll() == {"missing": 1, "failed": 1, "pinned": 1}
    compared.service.rows.append(row(9_999, cid=CIDS[2], status="queued", pinned=False))
    assert compared.poll() == {"in_progress": 1, "failed": 1, "pinned": 1}
    compared.service.rows[-1] |= {"status": "pinned", "pinned": True}
    compared.path.write_text("\n".join(CIDS[:5]))
    assert compared.poll() == {"missing": 2, "failed": 1, "pinned": 2}
    del compared.service.rows[3]
    assert compared.poll() == {"missing": 3, "failed": 1, "pinned": 1}
    compared.path.unlink()
    assert compared.poll() == {"missing": 3, "failed": 1, "pinned": 1}
    state = compared.poller.snapshot.expected_file
    assert state is not None
    assert (state.failures, bool(state.problem)) == (1, True)
    assert compared.poller.snapshot.following.mode == ("followed" if follows else "full")


@pytest.mark.parametrize("follows", [False, True])
def test_pinned_cids_of_each_inventory_are_offered_to_the_sampler(tmp_path: Path, follows: bool) -> None:
    compared = Compared(tmp_path / "cids", follows=follows)
    pinned = {each["cid"] for each in compared.service.rows if each["pinned"]}
    for _ in range(3):
        compared.poll()
        asyncio.run(compared.sampler.fetch_next())
    assert len(compared.gateway.cids) == 3
    assert set(compared.gateway.cids) <= pinned
    retrieval = compared.poller.snapshot.retrieval
    assert retrieval is not None
    assert retrieval.sampled == 3


def test_a_reload_keeps_what_is_known_unless_the_settings_changed(tmp_path: Path) -> None:
    path = tmp_path / "cids"
    path.write_text(CIDS[0])
    extra = varied(account("a"), expected_cids_file=path, gateway_url="https://gateway.test", billing=True)
    running = Running(extra, seconds=0)

    async def extras_of(reloaded: Account) -> Extras:
        running.manager.apply_config([reloaded])
        return running.manager.pollers()["a"].extras

    async def work() -> None:
        extras = running.manager.pollers()["a"].extras
        assert all(extras)
        assert await extras_of(varied(extra, size_limit=5)) is extras
        changed = await extras_of(varied(extra, billing=False))
        assert changed.expected_file is not extras.expected_file
        assert changed.billing is None
        assert await extras_of(account("a")) == Extras()
        assert running.manager.pollers()["a"].snapshot.expected_file is None

    asyncio.run(work())
