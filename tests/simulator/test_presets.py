from pin_exporter.simulator.options import Churn
from pin_exporter.simulator.presets import demo_accounts

from .harness import START, Clock


def test_the_demo_moves_within_minutes_and_stays_bounded_for_a_week() -> None:
    accounts = {account.name: account for account in demo_accounts(clock=Clock())}
    assert list(accounts) == ["media-archive", "nft-drops", "old-backups"]
    before = {name: account.truth() for name, account in accounts.items()}
    for account in accounts.values():
        account.advance(START + 600)
    after = {name: account.truth() for name, account in accounts.items()}
    assert all(before[name] != after[name] for name in accounts)
    assert "quantumEntangled" in after["nft-drops"].statuses()
    lost = [truth["old-backups"].statuses()["unpinOutOfMoney"].files for truth in (before, after)]
    assert 0 < lost[1] - lost[0] < 20
    for account in accounts.values():
        account.advance(START + 7 * 86400)
    assert all(500 < len(account) <= 20_000 for account in accounts.values())
    assert accounts["old-backups"].truth().pinned.files > 500
    assert accounts["old-backups"].churn == Churn(exhaust_balance_rate=1.0)
