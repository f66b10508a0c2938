"""The three accounts of the demo, and the list of what one of them must hold."""

import time
from collections.abc import Callable

from msgspec import structs

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.options import Behaviour, Churn, Faults, Population


def demo_accounts(seed: int = 1, clock: Callable[[], float] = time.time) -> list[SimulatedAccount]:
    """Return accounts that change within minutes and stay bounded for weeks."""
    faults = Faults(requests_per_minute=180, latency_seconds=0.05, latency_jitter_seconds=0.1)
    # Healthy: grows by about 3,900 pins per day, up to 20,000.
    media_archive = SimulatedAccount(
        "media-archive",
        pins=4000,
        seed=seed,
        population=Population(
            in_progress_share=0.002, by_cid_share=0.15, directory_share=0.1, duplicate_share=0.03
        ),
        churn=Churn(insert_rate=3.0, complete_rate=3.0, unpin_rate=0.3, max_pins=20_000),
        faults=faults,
        clock=clock,
    )
    # Problems: retrievals fail or never end, one status is unknown, a gateway lacks some blocks. Inserts stop
    # at 6,000.
    nft_drops = SimulatedAccount(
        "nft-drops",
        pins=2500,
        seed=seed,
        behaviour=Behaviour(vocabulary="2023", unpinned_rows="drop"),
        population=Population(
            in_progress_share=0.04,
            failed_share=0.06,
            unknown_share=0.004,
            by_cid_share=0.8,
            directory_share=0.3,
            duplicate_share=0.1,
        ),
        churn=Churn(
            insert_rate=1.2,
            complete_rate=0.8,
            fail_rate=0.4,
            unpin_rate=0.5,
            bulk_unpin_rate=0.005,
            max_pins=6_000,
        ),
        faults=structs.replace(faults, gateway_not_found_share=0.05),
        clock=clock,
    )
    # Balance exhausted: loses one pin per minute, for about eight days.
    old_backups = SimulatedAccount(
        "old-backups",
        pins=12_000,
        seed=seed,
        population=Population(removed_share=0.05, failed_share=0.003, directory_share=0.2),
        churn=Churn(exhaust_balance_rate=1.0),
        faults=faults,
        clock=clock,
    )
    return [media_archive, nft_drops, old_backups]


def expected_cids(account: SimulatedAccount) -> list[str]:
    """Return the CIDs that an account holds now, and a few that it has lost."""
    lost = SimulatedAccount("lost", pins=5, seed=account.seed)
    return sorted({row["cid"] for each in (account, lost) for row in each.rows()})
