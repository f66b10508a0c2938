import pytest

from pin_exporter.simulator.options import Churn, Population

from .harness import START, Clock, account


def test_keys_have_the_real_length_and_are_clearly_fake() -> None:
    a = account()
    assert (len(a.api_key), len(a.secret_key)) == (24, 44)
    assert a.api_key.startswith("sim")
    assert a.secret_key.startswith("sim")


def test_churn_is_the_same_however_often_it_is_looked_at() -> None:
    churn = Churn(5, 4, 1, 2, 0.5, 7, 1, 0)
    often, once = account(churn=churn), account(churn=churn)
    for minute in range(60):
        often.advance(START + minute * 60)
    once.advance(START + 59 * 60)
    assert list(often.rows()) == list(once.rows())
    assert len(once) > 700


@pytest.mark.parametrize(
    ("churn", "status", "least", "most"),
    [
        (Churn(insert_rate=10), "queued", 200, 400),  # the others are `pinning`
        (Churn(insert_rate=10, complete_rate=3), "pinned", 2140, 2220),
        (Churn(insert_rate=10, fail_rate=2), "failed", 80, 160),
        (Churn(unpin_rate=1), "unpinNormally", 30, 90),
        (Churn(bulk_unpin_rate=0.5), "unpinNormally", 300, 900),
        (Churn(exhaust_balance_rate=2), "unpinOutOfMoney", 90, 150),
        (Churn(insert_rate=60, max_pins=2050), "pinned", 2000, 2000),
    ],
)
def test_churn_has_the_rates_asked_for(churn: Churn, status: str, least: int, most: int) -> None:
    a = account(2000, population=Population(), churn=churn)
    a.advance(START + 3600)
    assert least <= a.truth().statuses()[status].files <= most
    assert len(a) == 2050 or not churn.max_pins


def test_time_never_goes_back() -> None:
    a = account(10, churn=Churn(insert_rate=60))
    a.advance(START + 60)
    rows = len(a)
    a.advance(START)
    a.advance(START + 60)
    assert len(a) == rows


def test_new_rates_count_from_now_on() -> None:
    clock = Clock()
    a = account(10, clock=clock)
    clock.now += 3600
    a.configure(churn={"insert_rate": 60.0})
    assert len(a) == 10
    clock.now += 60
    a.advance()
    assert 30 < len(a) < 120
