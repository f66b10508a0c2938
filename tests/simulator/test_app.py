import asyncio
import signal
from typing import Any

import httpx
import pytest

from pin_exporter.simulator.app import Simulator, base_url, open_socket, serve
from pin_exporter.simulator.options import Behaviour, Faults

from .harness import BILL, LIST, TEST, Clock, Simulated, account, get, keys, simulate, with_client


def test_a_page_has_the_documented_envelope_and_by_default_the_newest_ten() -> None:
    simulated = Simulated()
    body = simulated.get().json()
    assert (list(body), body["status"], list(body["data"])) == (
        ["data", "status"],
        "success",
        ["totals", "pins"],
    )
    assert body["data"]["totals"] == {"files": 250, "size": simulated.account.totals().size_bytes}
    assert body["data"]["pins"] == list(simulated.account.rows())[:-11:-1]
    empty = dict.fromkeys(("offset", "limit", "pinned", "sortBy", "sortOrder"), "")
    assert simulated.get(**empty, metadata="null", colour="red").json() == body


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_a_naive_walk_over_a_quiet_account_finds_the_truth(limit: int) -> None:
    simulated = Simulated(60 if limit == 1 else 250)
    rows: list[Any] = []
    while page := simulated.page(offset=len(rows), limit=limit):
        rows += page
    truth = simulated.account.truth()
    assert [row["id"] for row in rows] == [row["id"] for row in simulated.account.rows()]
    assert len(rows) == truth.files
    assert sum(row.get("size", 0) for row in rows) == truth.size_bytes
    assert len({row["cid"] for row in rows}) == truth.distinct_cids
    assert sum(row["is_pin_by_hash"] for row in rows) == truth.by_cid
    assert sum(row["is_dir"] for row in rows) == truth.directories
    for word, totals in truth.statuses().items():
        sizes = [row.get("size", 0) for row in rows if row["status"] == word]
        assert (len(sizes), sum(sizes)) == (totals.files, totals.size_bytes)


def test_the_filter_and_its_totals() -> None:
    simulated = Simulated()
    for word, pinned in (("true", True), ("false", False)):
        data = simulated.get(pinned=word, limit=1000).json()["data"]
        assert {row["pinned"] for row in data["pins"]} == {pinned}
        assert data["totals"]["files"] == len(data["pins"])
    simulated.account.configure(behaviour={"totals_follow_filter": False})
    assert simulated.get(pinned="false").json()["data"]["totals"]["files"] == 250


@pytest.mark.parametrize(("as_null", "expected"), [(False, []), (True, None)])
def test_an_empty_list_is_a_list_or_null(as_null: bool, expected: object) -> None:
    data = Simulated(0, behaviour=Behaviour(empty_as_null=as_null)).get().json()["data"]
    assert data == {"totals": {"files": 0, "size": 0}, "pins": expected}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=ten",
        "limit=99999999999999999999",
        "offset=-1",
        "offset=1.5",
        "pinned=yes",
        "sortBy=cid",
        "sortOrder=up",
        "metadata=clip",
        'metadata={"batch":1}',
    ],
)
def test_a_bad_value_is_a_400_in_an_envelope(query: str) -> None:
    name, _, value = query.partition("=")
    response = Simulated().get(**{name: value})
    assert response.status_code == 400
    assert response.json()["status"] == "error"
    assert response.json()["message"].startswith(name)


@pytest.mark.parametrize(
    ("api_key", "secret_key", "status"),
    [
        ("pinning_api_key", "pinning_secret_key", 200),
        ("PINNING_API_KEY", "Pinning_Secret_Key", 200),
        ("pinning-api-key", "pinning-secret-key", 401),
        ("pinning_api_key", "x", 401),
        ("x", "pinning_secret_key", 401),
    ],
)
def test_header_names_have_any_case_but_underscores_only(api_key: str, secret_key: str, status: int) -> None:
    simulated = Simulated()
    headers = {api_key: simulated.account.api_key, secret_key: simulated.account.secret_key}
    response = get(simulated.simulator, LIST, headers)
    assert response.status_code == status
    assert response.json()["status"] == ("success" if status == 200 else "error")


def test_keys_open_their_own_account_only_and_have_their_own_rate_limit() -> None:
    clock = Clock()
    one, two = (
        account(n, name=name, faults=Faults(requests_per_minute=1), clock=clock)
        for name, n in (("one", 1), ("two", 2))
    )
    simulator = simulate(one, two, clock=clock)
    for each in (one, two):
        assert get(simulator, LIST, keys(each)).json()["data"]["totals"]["files"] == len(each)
        assert get(simulator, LIST, keys(each)).status_code == 429
    mixed = {"pinning_api_key": one.api_key, "pinning_secret_key": two.secret_key}
    assert get(simulator, LIST, mixed).status_code == 401


def test_one_pin_is_found_by_its_id() -> None:
    simulated = Simulated()
    row = list(simulated.account.rows())[7]
    assert simulated.get(f"/api/pinning/{row['id']}").json() == {"data": row, "status": "success"}
    missing = simulated.get("/api/pinning/00000000-0000-4000-8000-000000000000")
    assert (missing.status_code, missing.json()["status"]) == (404, "error")


@pytest.mark.parametrize("path", [TEST, f"{TEST}/"])
def test_keys_are_tested_whatever_their_scopes_and_under_a_limit_of_their_own(path: str) -> None:
    simulated = Simulated(1, faults=Faults(requests_per_minute=1, forbidden_rate=1))
    assert [simulated.get().status_code for _ in range(2)] == [403, 429]
    for _ in range(60):
        response = simulated.get(path)
        assert list(response.json()) == ["message"]
        assert response.json()["message"].startswith("Congratulations!")
    assert simulated.get(path).status_code == 429
    simulated.account.revoked = True
    assert simulated.get(path).status_code == 401


@pytest.mark.parametrize("path", [LIST, BILL])
def test_without_the_slash_html_points_to_the_right_path(path: str) -> None:
    response = Simulated().get(path[:-1], offset=1, limit=2)
    assert response.status_code == 301
    assert response.headers["location"] == f"{path}?offset=1&limit=2"
    assert response.headers["content-type"].startswith("text/html")
    assert "offset=1&amp;limit=2" in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/other", 404), ("POST", LIST, 405), ("HEAD", LIST, 405)]
)
def test_other_paths_and_methods_are_errors(method: str, path: str, status: int) -> None:
    simulated = Simulated()
    headers = keys(simulated.account)
    response = with_client(simulated.simulator, lambda client: client.request(method, path, headers=headers))
    assert response.status_code == status
    assert method == "HEAD" or response.json()["status"] == "error"


def test_it_serves_as_a_task_leaves_signals_alone_and_closes_its_socket() -> None:
    served = account(5)
    sock = open_socket("127.0.0.1:0")
    url = base_url(sock)

    async def run() -> int:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(Simulator([served]), sock, stop))
            async with httpx.AsyncClient() as client:
                response = await client.get(f"{url}/pinning/pins/", headers=keys(served))
            assert signal.getsignal(signal.SIGTERM) is before
            stop.set()
        return response.status_code

    before = signal.getsignal(signal.SIGTERM)
    assert asyncio.run(run()) == 200
    assert sock.fileno() == -1


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":http", "127.0.0.1:65536"])
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="listen address must be host:port"):
        open_socket(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_the_base_url_is_one_that_a_local_client_can_use(host: str) -> None:
    with open_socket(f"{host}:0") as sock:
        assert base_url(sock) == f"http://127.0.0.1:{sock.getsockname()[1]}/api"
