"""Show on a terminal how far the polls are, and nowhere else."""

import sys
from collections.abc import Sequence
from typing import Final

from pin_exporter.api.model import Collector
from pin_exporter.polling.poller import AccountPoller
from pin_exporter.toolkit.clock import Clock

_PAUSE_SECONDS: Final = 0.1
_FORMAT: Final = "{desc} {percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt} pins, {elapsed}, {remaining} to go"


async def show_progress(pollers: Sequence[AccountPoller], clock: Clock) -> None:
    """Show a bar until cancelled: of the files that the totals report, the rows that were read."""
    from tqdm import tqdm  # noqa: PLC0415 - takes a while to import, and only people at a terminal want it

    tqdm.monitor_interval = 0  # no thread of its own
    # The delay keeps it from showing itself before there is anything to show.
    with tqdm(
        total=0, bar_format=_FORMAT, delay=1e-9, leave=False, dynamic_ncols=True, file=sys.stderr
    ) as bar:
        while True:
            done = sum(map(_is_done, pollers))
            bar.set_description_str(f"{done} of {len(pollers)} accounts", refresh=False)
            bar.total = sum(map(_files, pollers))
            bar.n = min(bar.total, sum(map(_rows, pollers)))
            bar.refresh()
            await clock.sleep(_PAUSE_SECONDS)


def _is_done(poller: AccountPoller) -> bool:
    snapshot = poller.snapshot
    return snapshot.health[Collector.INVENTORY].polls > 0 or snapshot.is_key_rejected


def _files(poller: AccountPoller) -> int:
    totals = poller.snapshot.totals
    return totals.files if totals else 0


def _rows(poller: AccountPoller) -> int:
    return _files(poller) if poller.snapshot.counted else poller.rows_read
