from typing import Any

import httpx
import pytest

from pin_exporter.doctor.findings import Check
from tests.support.diagnosis import ACCOUNT, WARNING, diagnosed, diagnosed_simulator, in_turn, listing
from tests.support.samples import varied

SIMULATED: list[tuple[dict[str, Any], dict[str, Any], dict[str, str | int]]] = [
    ({"latency_seconds": 4.0}, {"request_timeout": 5.0}, {"request_timeout": "12s"}),
    ({"latency_seconds": 1.0}, {"request_timeout": 5.0}, {}),
    ({"pins": 20_000}, {"requests_per_minute": 60}, {"page_size": 5_000}),
    ({"max_limit": 40}, {}, {"page_size": 40}),
]


@pytest.mark.parametrize(("options", "settings", "suggested"), SIMULATED)
def test_settings_that_do_not_suit_the_account_are_changed(
    options: dict[str, Any], settings: dict[str, Any], suggested: dict[str, str | int]
) -> None:
    assert diagnosed_simulator(account=varied(ACCOUNT, **settings), **options).suggested == suggested


def test_inventories_that_are_rarer_than_polls_are_reported() -> None:
    found = diagnosed_simulator(pins=20_000, account=varied(ACCOUNT, requests_per_minute=60))

    assert found.severity(Check.INVENTORY_INTERVAL) is WARNING
    assert found.fields(Check.INVENTORY_INTERVAL)["seconds"] > 60
    assert found.fields(Check.INVENTORY_COST)["requests"] == 223


def test_a_429_halves_the_request_rate() -> None:
    good = listing()
    found = diagnosed(
        in_turn(lambda n: httpx.Response(429, headers={"Retry-After": "7"}) if n == 2 else good)
    )

    assert found.suggested == {"requests_per_minute": 60}


def test_timeouts_raise_a_short_timeout() -> None:
    good = listing()
    found = diagnosed(in_turn(lambda n: httpx.ReadTimeout("") if n == 20 else good), request_timeout=5.0)

    assert found.suggested == {"request_timeout": "30s"}


def test_an_outage_changes_no_settings() -> None:
    good = listing()

    assert diagnosed(in_turn(lambda n: good if n < 5 else httpx.Response(503))).suggested == {}
