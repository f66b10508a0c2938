import asyncio
import signal
from uuid import UUID

import httpx
import pytest

from pin_exporter.simulator import (
    Behaviour,
    Faults,
    RequestRecord,
    SimulatedAccount,
    Simulator,
    base_url,
    open_socket,
    serve,
)

from .harness import LIST, START, Clock, get, keys, one_account, simulate, walk, with_client


def test_a_page_has_the_documented_envelope() -> None:
    simulator, account, _ = one_account()
    body = get(simulator, account).json()
    assert list(body) == ["data", "status"]
    assert body["status"] == "success"
    assert list(body["data"]) == ["totals", "pins"]
    assert body["data"]["totals"] == {"files": 250, "size": account.totals().size_bytes}


def test_without_a_query_the_newest_ten_come() -> None:
    simulator, account, _ = one_account()
    rows = get(simulator, account).json()["data"]["pins"]
    assert rows == list(account.rows())[:-11:-1]


def test_empty_and_unknown_parameters_do_not_matter() -> None:
    simulator, account, _ = one_account()
    response = get(
        simulator, account, offset="", limit="", pinned="", sortBy="", metadata="null", colour="red"
    )
    assert response.status_code == 200
    assert len(response.json()["data"]["pins"]) == 10


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_a_naive_walk_over_a_quiet_account_finds_the_truth(limit: int) -> None:
    simulator, account, _ = one_account(60 if limit == 1 else 250)
    truth = account.truth()
    rows = walk(simulator, account, limit)
    assert [row["id"] for row in rows] == [row["id"] for row in account.rows()]
    assert len(rows) == truth.files
    assert sum(row.get("size", 0) for row in rows) == truth.size_bytes
    assert len({row["cid"] for row in rows}) == truth.distinct_cids
    assert sum(row["is_pin_by_hash"] for row in rows) == truth.by_cid
    for word, totals in truth.statuses().items():
        sizes = [row.get("size", 0) for row in rows if row["status"] == word]
        assert (len(sizes), sum(sizes)) == (totals.files, totals.size_bytes)


def test_the_filter_and_its_totals() -> None:
    simulator, account, _ = one_account()
    for word, pinned in (("true", True), ("false", False)):
        data = get(simulator, account, pinned=word, limit=1000).json()["data"]
        assert {row["pinned"] for row in data["pins"]} == {pinned}
        assert data["totals"]["files"] == len(data["pins"])
    account.set_behaviour(totals_follow_filter=False)
    assert get(simulator, account, pinned="false").json()["data"]["totals"]["files"] == 250


@pytest.mark.parametrize(("as_null", "expected"), [(False, []), (True, None)])
def test_an_empty_list_is_a_list_or_null(as_null: bool, expected: object) -> None:
    simulator, account, _ = one_account(0, Behaviour(empty_as_null=as_null))
    data = get(simulator, account).json()["data"]
    assert data == {"totals": {"files": 0, "size": 0}, "pins": expected}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=99999999999999999999",
        "offset=-1",
        "offset=1.5",
        "pinned=yes",
        "sortBy=cid",
        "sortOrder=up",
    ],
)
def test_a_bad_value_is_a_400_in_an_envelope(query: str) -> None:
    simulator, account, _ = one_account()
    response = with_client(simulator, lambda client: client.get(f"{LIST}?{query}", headers=keys(account)))
    assert response.status_code == 400
    assert response.json()["status"] == "error"
    assert response.json()["message"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    ("api_key", "secret_key", "status"),
    [
        ("pinning_api_key", "pinning_secret_key", 200),
        ("PINNING_API_KEY", "Pinning_Secret_Key", 200),
        ("pinning-api-key", "pinning-secret-key", 401),
        ("pinning_api_key", "pinning-secret-key", 401),
        ("authorization", "x", 401),
    ],
)
def test_header_names_have_any_case_but_underscores_only(api_key: str, secret_key: str, status: int) -> None:
    simulator, account, _ = one_account()
    headers = {api_key: account.api_key, secret_key: account.secret_key}
    response = with_client(simulator, lambda client: client.get(LIST, headers=headers))
    assert response.status_code == status
    assert response.json()["status"] == ("success" if status == 200 else "error")


def test_keys_open_their_own_account_only() -> None:
    clock = Clock()
    one, two = (SimulatedAccount(name, pins=n, clock=clock) for name, n in (("one", 1), ("two", 2)))
    simulator = simulate(one, two, clock=clock)
    assert get(simulator, one).json()["data"]["totals"]["files"] == 1
    assert get(simulator, two).json()["data"]["totals"]["files"] == 2
    two.secret_key = one.secret_key
    mixed = {"pinning_api_key": one.api_key, "pinning_secret_key": "wrong"}
    assert with_client(simulator, lambda client: client.get(LIST, headers=mixed)).status_code == 401


def test_rotated_keys_work_and_revoked_ones_do_not() -> None:
    simulator, account, _ = one_account()
    old = keys(account)
    account.rotate_keys("new-key", "new-secret")
    assert with_client(simulator, lambda client: client.get(LIST, headers=old)).status_code == 401
    assert get(simulator, account).status_code == 200
    account.revoked = True
    assert get(simulator, account).status_code == 401


def test_without_the_slash_html_points_to_the_right_path() -> None:
    simulator, account, _ = one_account()
    response = with_client(
        simulator, lambda client: client.get(f"{LIST[:-1]}?offset=1&limit=2", headers=keys(account))
    )
    assert response.status_code == 301
    assert response.headers["location"] == f"{LIST}?offset=1&limit=2"
    assert response.headers["content-type"].startswith("text/html")
    assert "offset=1&amp;limit=2" in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/other", 404),
        ("GET", "/", 404),
        ("POST", LIST, 405),
        ("HEAD", LIST, 405),
        ("DELETE", LIST, 405),
    ],
)
def test_other_paths_and_methods_are_errors(method: str, path: str, status: int) -> None:
    simulator, account, _ = one_account()
    response = with_client(simulator, lambda client: client.request(method, path, headers=keys(account)))
    assert response.status_code == status
    if method != "HEAD":
        assert response.json()["status"] == "error"


def test_requests_are_logged() -> None:
    simulator, account, clock = one_account()
    get(simulator, account, offset=20, limit=5)
    clock.now += 7
    account.revoked = True
    get(simulator, account)
    assert list(simulator.requests) == [
        RequestRecord(START, "a", 20, 5, 200),
        RequestRecord(START + 7, None, None, None, 401),
    ]


def test_the_rate_limit_is_a_sliding_minute_for_each_key() -> None:
    clock = Clock()
    one, two = (
        SimulatedAccount(name, pins=1, faults=Faults(requests_per_minute=3), clock=clock)
        for name in ("1", "2")
    )
    simulator = simulate(one, two, clock=clock)
    statuses = []
    for _ in range(5):
        statuses.append(get(simulator, one).status_code)
        clock.now += 10
    assert statuses == [200, 200, 200, 429, 429]
    assert get(simulator, one).headers["retry-after"] == "10"
    assert get(simulator, two).status_code == 200
    clock.now += 10
    assert get(simulator, one).status_code == 200
    assert get(simulator, one).status_code == 429


def test_a_typed_client_can_read_every_row() -> None:
    simulator, account, _ = one_account()
    body = get(simulator, account, limit=1000, metadata="null").json()["data"]
    assert type(body["totals"]["files"]) is type(body["totals"]["size"]) is int
    for row in body["pins"]:
        assert {str(UUID(row[name])) for name in ("id", "file_record_id", "user_id")}
        assert type(row.get("size", 0)) is int
        assert all(row[name].endswith("Z") for name in ("date_pinned", "date_unpinned"))
        assert isinstance(row["metadata"]["name"], str)


def test_it_serves_as_a_task_leaves_signals_alone_and_closes_its_socket() -> None:
    account = SimulatedAccount("a", pins=5)
    sock = open_socket("127.0.0.1:0")
    url = base_url(sock)

    async def run() -> int:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(Simulator([account]), sock, stop))
            async with httpx.AsyncClient() as client:
                response = await client.get(f"{url}/pinning/pins/", headers=keys(account))
            assert signal.getsignal(signal.SIGTERM) is before
            stop.set()
        return response.status_code

    before = signal.getsignal(signal.SIGTERM)
    assert asyncio.run(run()) == 200
    assert sock.fileno() == -1


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", ":http", "127.0.0.1:65536", "127.0.0.1:-1"]
)
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="listen address must be host:port"):
        open_socket(address)


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("localhost:0", "127.0.0.1")],
)
def test_the_base_url_is_one_that_a_local_client_can_use(address: str, host: str) -> None:
    with open_socket(address) as sock:
        assert base_url(sock) == f"http://{host}:{sock.getsockname()[1]}/api"
