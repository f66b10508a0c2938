from typing import Any

import httpx
import pytest

from pin_exporter.doctor.findings import Check, Severity
from tests.support.diagnosis import ACCOUNT, OK, WARNING, diagnosed, diagnosed_simulator, in_turn, listing
from tests.support.samples import varied

SIMULATED: list[tuple[dict[str, Any], dict[str, Any], dict[str, str | int]]] = [
    ({"latency_seconds": 4.0}, {"request_timeout": 5.0}, {"request_timeout": "12s"}),
    ({"latency_seconds": 1.0}, {"request_timeout": 5.0}, {}),
    ({"pins": 20_000}, {"requests_per_minute": 60, "inventory": "full"}, {"page_size": 5_000}),
    ({"pins": 20_000}, {"requests_per_minute": 60}, {}),
    ({"max_limit": 40}, {}, {"page_size": 40}),
]


@pytest.mark.parametrize(("options", "settings", "suggested"), SIMULATED)
def test_settings_that_do_not_suit_the_account_are_changed(
    options: dict[str, Any], settings: dict[str, Any], suggested: dict[str, str | int]
) -> None:
    assert diagnosed_simulator(account=varied(ACCOUNT, **settings), **options).suggested == suggested


@pytest.mark.parametrize(("inventory", "severity"), [("full", WARNING), ("auto", OK)])
def test_inventories_that_are_rarer_than_polls_are_reported(inventory: str, severity: Severity) -> None:
    account = varied(ACCOUNT, requests_per_minute=60, inventory=inventory)
    found = diagnosed_simulator(pins=20_000, account=account)

    assert found.severity(Check.INVENTORY_INTERVAL) is severity
    assert (found.fields(Check.INVENTORY_INTERVAL)["seconds"] > 60) is (severity is WARNING)
    assert found.fields(Check.INVENTORY_COST)["requests"] == 223


@pytest.mark.parametrize(
    ("failing", "settings", "suggested"),
    [
        ({2: httpx.Response(429, headers={"Retry-After": "7"})}, {}, {"requests_per_minute": 60}),
        ({20: httpx.ReadTimeout("")}, {"request_timeout": 5.0}, {"request_timeout": "30s"}),
        ({20: httpx.ReadTimeout("")}, {"request_timeout": 10.0}, {}),
        (dict.fromkeys(range(5, 30), httpx.Response(503)), {}, {}),  # an outage
    ],
)
def test_failures_change_the_settings_that_cause_them(
    failing: dict[int, httpx.Response | Exception], settings: dict[str, Any], suggested: dict[str, str | int]
) -> None:
    good = listing()

    assert diagnosed(in_turn(lambda n: failing.get(n, good)), **settings).suggested == suggested
