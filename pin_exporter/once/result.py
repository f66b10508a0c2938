"""What came out of the polls: in each format, and as lines on what failed; pure."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

from pin_exporter import __version__
from pin_exporter.api.model import Verdict
from pin_exporter.metrics.account import account_textfile
from pin_exporter.metrics.exporter import build_info_registry
from pin_exporter.once.gap import gap_of
from pin_exporter.once.polling import Polled
from pin_exporter.once.table import as_table
from pin_exporter.status.report import AccountReport, Now, Report, account_report
from pin_exporter.toolkit.display_text import escaped
from pin_exporter.toolkit.units import counted

_COMPARE: Final = "run pin-exporter doctor, and compare with the AIOZ Pin dashboard"


def result(polled: Sequence[Polled], form: str, now: Now) -> bytes:
    """Return the result in one of FORMATS."""
    return FORMATS[form](polled, now)


def failures(polled: Sequence[Polled]) -> Iterator[str]:
    """Yield a line for each poll that failed, proved nothing, lacks pins or is too old to be shown.

    It tells the account, the collector, or both where they failed alike, the reason and what to do.
    """
    for each in polled:
        snapshot, fresh = each.snapshot, each.fresh
        failed: dict[str, list[str]] = {}
        for collector, health in snapshot.health.items():
            if health.reason is not None:
                failed.setdefault(f"{health.reason}: {health.error}", []).append(collector)
        for told, collectors in failed.items():
            yield escaped(f"account {snapshot.account}: {' and '.join(collectors)}: {told}")
        for collector, health in snapshot.health.items():
            if health.reason is None and health.polls and collector not in fresh:
                yield escaped(
                    f"account {snapshot.account}: {collector}: too old by the time the account was done: "
                    "raise stale_after or requests_per_minute"
                )
        walked = snapshot.counted
        if walked and walked.verdict is Verdict.INCONSISTENT:
            yield escaped(
                f"account {snapshot.account}: inventory: inconsistent: the list changed too fast to prove "
                f"that the {walked.inventory.pins} pins shown are all: raise requests_per_minute, page_size"
            )
        gap = gap_of(account_report(snapshot, each.ended))
        lacks = [f"the API reports {counted(gap.missing, 'file')} more than it lists"] if gap.missing else []
        lacks += [f"{counted(gap.unreadable, 'row')} could not be read"] if gap.unreadable else []
        if lacks:
            missing = ", ".join(lacks)
            yield escaped(f"account {snapshot.account}: inventory: incomplete: {missing}: {_COMPARE}")


def remarks(polled: Sequence[Polled]) -> Iterator[str]:
    """Yield a line for each account of which more is listed than reported: odd, but nothing is lacking."""
    for each in polled:
        extra = gap_of(account_report(each.snapshot, each.ended)).extra
        if extra:
            told = f"the API lists {counted(extra, 'row')} more than it reports files"
            yield escaped(f"account {each.snapshot.account}: inventory: {told}: {_COMPARE}")


def _prometheus(polled: Sequence[Polled], _: Now) -> bytes:
    return account_textfile(((each.snapshot, each.fresh) for each in polled), build_info_registry())


def _json(polled: Sequence[Polled], now: Now) -> bytes:
    return (json.dumps(asdict(_report(polled, now)), indent=2) + "\n").encode()


def _table(polled: Sequence[Polled], now: Now) -> bytes:
    return as_table(_report(polled, now)).encode()


FORMATS: Final[Mapping[str, Callable[[Sequence[Polled], Now], bytes]]] = {
    "prometheus": _prometheus,
    "json": _json,
    "table": _table,
}


def _report(polled: Sequence[Polled], now: Now) -> Report:
    return Report(__version__, now.wall, tuple(_account(each, now) for each in polled))


def _account(polled: Polled, now: Now) -> AccountReport:
    """Report what was fresh when the account's polls ended, with the age that it has by now."""
    report = account_report(polled.snapshot, polled.ended)
    since = now.elapsed - polled.ended.elapsed
    collectors = (
        each if each.age_seconds is None else replace(each, age_seconds=each.age_seconds + since)
        for each in report.collectors
    )
    return replace(report, collectors=tuple(collectors))
