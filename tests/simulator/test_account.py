from pin_exporter.simulator import Churn, Population

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


def test_churn_has_the_rates_asked_for() -> None:
    a = account(100, population=Population(), churn=Churn(insert_rate=10, complete_rate=3, fail_rate=2))
    a.advance(START + 3600)
    statuses = a.truth().statuses()
    assert 500 < len(a) - 100 < 700
    assert 140 < statuses["pinned"].files - 100 < 220
    assert 80 < statuses["failed"].files < 160


def test_each_kind_of_loss_happens_at_its_rate() -> None:
    a = account(
        2000,
        population=Population(),
        churn=Churn(unpin_rate=1, bulk_unpin_rate=0.5, balance_exhausted_rate=2),
    )
    a.advance(START + 3600)
    statuses = a.truth().statuses()
    assert 400 < statuses["unpinNormally"].files < 900
    assert 90 < statuses["unpinOutOfMoney"].files < 150


def test_growth_stops_at_the_maximum() -> None:
    a = account(10, population=Population(), churn=Churn(insert_rate=60, max_pins=50))
    a.advance(START + 3600)
    assert len(a) == 50


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
    a.set_churn(insert_rate=60.0)
    assert len(a) == 10
    clock.now += 60
    a.advance()
    assert len(a) > 30
