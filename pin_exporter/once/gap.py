"""How far the list and the number of files that the API reports differ; pure."""

from typing import NamedTuple

from pin_exporter.api.model import Verdict
from pin_exporter.status.report import AccountReport


class Gap(NamedTuple):
    """Files that are reported and not listed, listed rows that make no sense, rows beyond those reported."""

    missing: int = 0
    unreadable: int = 0
    extra: int = 0


def gap_of(account: AccountReport) -> Gap:
    """Return the gap of what is shown, none where there is no inventory or it proves nothing by itself.

    What comes and goes while the list is read is no gap: only what is beyond both numbers that the API
    reports, with the totals and at the end of the list, counts as missing or extra.
    """
    inventory = account.inventory
    if inventory is None or inventory.verdict is Verdict.INCONSISTENT:
        return Gap()
    reported = inventory.pins + inventory.unaccounted_files
    files = reported if account.files is None else account.files
    listed = inventory.pins + inventory.malformed_pins
    return Gap(
        max(0, min(reported, files) - listed), inventory.malformed_pins, max(0, listed - max(reported, files))
    )
