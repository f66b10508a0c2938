from collections import Counter
from typing import Literal

import httpx
import pytest

from pin_exporter.retrieval.verify import is_block_of
from pin_exporter.simulator.gateway import RAW_BLOCK
from pin_exporter.simulator.options import Behaviour, Faults, Population

from .harness import START, Simulated, account, get, simulate


def fetch(simulated: Simulated, cid: str) -> httpx.Response:
    return get(simulated.simulator, f"/ipfs/{cid}", format="raw")


@pytest.mark.parametrize("rows", ["keep", "drop"])
def test_exactly_what_is_pinned_is_served_without_keys(rows: Literal["keep", "drop"]) -> None:
    simulated = Simulated(150, behaviour=Behaviour(unpinned_rows=rows))
    listed = list(simulated.account.rows())
    pinned = {row["cid"] for row in listed if row["pinned"]}
    for cid in {row["cid"] for row in listed}:
        response = fetch(simulated, cid)
        assert response.status_code == (200 if cid in pinned else 404)
        if cid in pinned:
            assert response.headers["content-type"] == RAW_BLOCK
            assert is_block_of(cid, response.content)
    assert len(pinned) < len(listed)
    assert fetch(simulated, "bafkreiunknown").status_code == 404


def test_new_pins_are_found_and_removed_ones_are_not() -> None:
    simulated = Simulated(5, population=Population())
    first, *_ = simulated.account.rows()
    assert fetch(simulated, first["cid"]).status_code == 200
    simulated.account.apply("insert")
    *_, new = simulated.account.rows()
    assert fetch(simulated, new["cid"]).status_code == 404
    simulated.account.apply("complete")
    assert fetch(simulated, new["cid"]).status_code == 200
    simulated.account.apply("bulk_unpin")
    assert fetch(simulated, first["cid"]).status_code == 404


def test_a_duplicate_keeps_the_block_of_a_removed_pin() -> None:
    simulated = Simulated(2, population=Population(duplicate_share=1))
    cid = next(simulated.account.rows())["cid"]
    simulated.account.apply("bulk_unpin")
    assert fetch(simulated, cid).status_code == 200
    simulated.account.apply("bulk_unpin")
    assert fetch(simulated, cid).status_code == 404


def test_each_account_has_its_faults() -> None:
    simulated = Simulated(3, population=Population())
    other = account(
        3,
        name="b",
        population=Population(),
        clock=simulated.clock,
        faults=Faults(gateway_not_found_share=1),
    )
    simulator = simulate(simulated.account, other, clock=simulated.clock)
    for each, status in ((simulated.account, 200), (other, 404)):
        cid = next(each.rows())["cid"]
        assert get(simulator, f"/ipfs/{cid}", format="raw").status_code == status


def test_shares_of_the_cids_fail_each_in_its_way_and_always_the_same() -> None:
    faults = Faults(gateway_not_found_share=0.3, gateway_limited_share=0.2, gateway_corrupt_share=0.3)
    simulated = Simulated(300, population=Population(), faults=faults)
    cids = [row["cid"] for row in simulated.account.rows()]

    def result(cid: str) -> str:
        response = fetch(simulated, cid)
        good = response.status_code == 200 and is_block_of(cid, response.content)
        return "good" if good else str(response.status_code)

    results = [result(cid) for cid in cids]
    found = Counter(results)
    assert 60 < found["404"] < 120
    assert 35 < found["429"] < 85
    assert 60 < found["200"] < 120
    assert 35 < found["good"] < 85
    assert [result(cid) for cid in cids[:20]] == results[:20]


def test_html_is_sent_if_so_configured_or_no_raw_block_is_requested() -> None:
    simulated = Simulated(1, population=Population(), faults=Faults(gateway_seconds=7))
    path = f"/ipfs/{next(simulated.account.rows())['cid']}"
    accepted = get(simulated.simulator, path, {"Accept": RAW_BLOCK})
    assert accepted.headers["content-type"] == RAW_BLOCK
    assert simulated.clock.now == START + 7
    page = get(simulated.simulator, path)
    assert page.headers["content-type"].startswith("text/html")
    simulated.account.configure(faults={"gateway_html": True})
    assert get(simulated.simulator, path, format="raw").content == page.content
