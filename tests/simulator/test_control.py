import pytest

from pin_exporter.simulator import Fault, Population, SimulatedAccount, Simulator

from .harness import Clock, get, post, simulate, with_client


def build() -> tuple[Simulator, SimulatedAccount, Clock]:
    clock = Clock()
    account = SimulatedAccount("a", pins=50, population=Population(in_progress_share=0.2), clock=clock)
    return simulate(account, clock=clock), account, clock


def test_accounts_are_listed_without_their_keys() -> None:
    simulator, account, _ = build()
    response = with_client(simulator, lambda client: client.get("/control/accounts"))
    assert [entry["name"] for entry in response.json()] == ["a"]
    assert response.json()[0]["files"] == 50
    assert response.json()[0]["behaviour"]["vocabulary"] == "2024"
    assert account.api_key not in response.text
    assert account.secret_key not in response.text


def test_the_truth_is_an_exact_count() -> None:
    simulator, account, _ = build()
    plain = with_client(simulator, lambda client: client.get("/control/accounts/a/truth")).json()
    assert plain == account.truth().as_json()
    assert plain["files"] == 50
    assert {entry["status"] for entry in plain["by_status"]} == {"pinned", "queued", "pinning"}


def test_settings_change_at_run_time() -> None:
    simulator, account, clock = build()
    change = {
        "behaviour": {"vocabulary": "2023", "max_limit": 5},
        "churn": {"insert_rate": 60},
        "faults": {"requests_per_minute": 2},
    }
    state = post(simulator, "a", change).json()
    assert state["churn"]["insert_rate"] == 60
    clock.now += 60
    data = get(simulator, account, limit=100, sortOrder="ASC").json()["data"]
    assert len(data["pins"]) == 5
    assert {row["status"] for row in data["pins"]} <= {"DONE", "PENDING", "PROCESSING"}
    assert data["totals"]["files"] > 70
    assert [get(simulator, account).status_code for _ in range(2)] == [200, 429]


def test_pins_change_on_demand() -> None:
    simulator, account, _ = build()
    change = {
        "insert": 5,
        "complete": 3,
        "fail": 2,
        "unpin": 4,
        "exhaust_balance": 1,
    }
    assert post(simulator, "a", change).json()["files"] == 55
    statuses = account.truth().statuses()
    assert statuses["failed"].files == 2
    assert statuses["unpinNormally"].files == 4
    assert statuses["unpinOutOfMoney"].files == 1
    assert statuses["pinned"].files == 40 + 3 - 5


def test_faults_come_on_demand() -> None:
    simulator, account, _ = build()
    post(simulator, "a", {"next": [{"fault": "server_error", "count": 2, "skip": 1}, {"fault": "forbidden"}]})
    assert [get(simulator, account).status_code for _ in range(5)] == [200, 500, 500, 403, 200]


def test_keys_are_revoked_restored_and_replaced() -> None:
    simulator, account, _ = build()
    assert post(simulator, "a", {"revoked": True}).json()["revoked"] is True
    assert get(simulator, account).status_code == 401
    post(simulator, "a", {"revoked": False})
    assert get(simulator, account).status_code == 200
    post(simulator, "a", {"keys": {"api_key": "k", "secret_key": "s"}})
    assert (account.api_key, account.secret_key) == ("k", "s")
    assert get(simulator, account).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"insert": 5, "behaviour": {"colour": "red"}},
        {"insert": 5, "faults": {"not_json_rate": 2}},
        {"insert": 5, "churn": {"insert_rate": "fast"}},
        {"insert": -1},
        {"insert": "many"},
        {"unpin": {"n": 1}},
        {"next": [{"fault": "explosion"}]},
        {"keys": {"api_key": "k"}},
        {"keys": {"api_key": "", "secret_key": "s"}},
        [],
    ],
)
def test_a_bad_change_is_refused_in_one_line_and_changes_nothing(change: object) -> None:
    simulator, account, _ = build()
    before = list(account.rows())
    response = post(simulator, "a", change)
    assert response.status_code == 400
    assert "\n" not in response.json()["message"]
    assert list(account.rows()) == before


def test_an_unknown_account_is_a_404() -> None:
    simulator, _, _ = build()
    assert post(simulator, "b", {}).status_code == 404
    response = with_client(simulator, lambda client: client.get("/control/accounts/b/truth"))
    assert response.status_code == 404


def test_every_fault_can_be_ordered() -> None:
    simulator, _, _ = build()
    assert post(simulator, "a", {"next": [{"fault": fault} for fault in Fault]}).status_code == 200
