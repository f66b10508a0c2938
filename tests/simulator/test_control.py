from typing import Any

import pytest

from pin_exporter.simulator.faults import Fault
from pin_exporter.simulator.options import Population

from .harness import Simulated, get


def build() -> Simulated:
    return Simulated(50, population=Population(in_progress_share=0.2))


def test_accounts_are_listed_without_their_keys() -> None:
    simulated = build()
    response = get(simulated.simulator, "/control/accounts")
    (state,) = response.json()
    assert (state["name"], state["files"], state["behaviour"]["vocabulary"]) == ("a", 50, "2024")
    assert simulated.account.api_key not in response.text
    assert simulated.account.secret_key not in response.text


def test_the_truth_is_an_exact_count() -> None:
    simulated = build()
    truth = get(simulated.simulator, "/control/accounts/a/truth").json()
    assert truth == simulated.account.truth().as_json()
    assert truth["files"] == 50
    assert {entry["status"] for entry in truth["by_status"]} == {"pinned", "queued", "pinning"}


def test_options_change_at_run_time() -> None:
    simulated = build()
    change = {
        "behaviour": {"vocabulary": "2023", "max_limit": 5},
        "churn": {"insert_rate": 60},
        "faults": {"requests_per_minute": 2},
    }
    assert simulated.change(change).json()["churn"]["insert_rate"] == 60
    simulated.clock.now += 60
    data = simulated.get(limit=100, sortOrder="ASC").json()["data"]
    assert len(data["pins"]) == 5
    assert {row["status"] for row in data["pins"]} <= {"DONE", "PENDING", "PROCESSING"}
    assert data["totals"]["files"] > 70
    assert [simulated.get().status_code for _ in range(2)] == [200, 429]


def test_pins_change_on_demand() -> None:
    simulated = build()
    change = {"insert": 5, "complete": 3, "fail": 2, "unpin": 4, "bulk_unpin": 2, "exhaust_balance": 1}
    assert simulated.change(change).json()["files"] == 55
    statuses = {word: totals.files for word, totals in simulated.account.truth().statuses().items()}
    in_progress = statuses.pop("queued") + statuses.pop("pinning")
    assert (in_progress, statuses) == (
        10,
        {"pinned": 36, "failed": 2, "unpinNormally": 6, "unpinOutOfMoney": 1},
    )


def test_keys_are_revoked_restored_and_replaced() -> None:
    simulated = build()
    changes: list[tuple[Any, int]] = [
        ({"revoked": True}, 401),
        ({"revoked": False}, 200),
        ({"revoked": True}, 401),
        ({"keys": {"api_key": "k", "secret_key": "s"}}, 200),
    ]
    for change, status in changes:
        assert simulated.change(change).json()["revoked"] is (status == 401)
        assert simulated.get().status_code == status
    assert (simulated.account.api_key, simulated.account.secret_key) == ("k", "s")


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"insert": 5, "behaviour": {"colour": "red"}},
        {"insert": 5, "faults": {"not_json_rate": 2}},
        {"behaviour": {"vocabulary": "2023"}, "churn": {"insert_rate": "fast"}},
        {"insert": -1},
        {"next": [{"fault": "explosion"}]},
        {"keys": {"api_key": "", "secret_key": "s"}},
        [],
    ],
)
def test_a_bad_change_is_refused_in_one_line_and_changes_nothing(change: object) -> None:
    simulated = build()
    before = list(simulated.account.rows())
    response = simulated.change(change)
    assert response.status_code == 400
    assert "\n" not in response.json()["message"]
    assert list(simulated.account.rows()) == before


def test_an_unknown_account_is_a_404() -> None:
    simulated = build()
    assert simulated.change({}, "b").status_code == 404
    assert get(simulated.simulator, "/control/accounts/b/truth").status_code == 404


def test_faults_come_on_demand() -> None:
    simulated = build()
    simulated.change({"next": [{"fault": "server_error", "count": 2, "skip": 1}, {"fault": "forbidden"}]})
    assert [simulated.get().status_code for _ in range(5)] == [200, 500, 500, 403, 200]
    assert simulated.change({"next": [{"fault": fault} for fault in Fault]}).status_code == 200
