"""What came out of the polls: in each format, and as lines on what failed; pure."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

from pin_exporter import __version__
from pin_exporter.exposition import textfile
from pin_exporter.model import Verdict
from pin_exporter.once.polling import Polled
from pin_exporter.once.table import as_table
from pin_exporter.process_metrics import build_info_alone
from pin_exporter.report import AccountReport, Report, account_report
from pin_exporter.report_parts import Now
from pin_exporter.shown import pieces


def result(polled: Sequence[Polled], form: str, now: Now) -> bytes:
    """Return the result in one of FORMATS."""
    return FORMATS[form](polled, now)


def failures(polled: Sequence[Polled]) -> Iterator[str]:
    """Yield a line for each poll that failed, proved nothing or is too old to be shown.

    It tells the account, the collector, or both where they failed alike, the reason and what to do.
    """
    for each in polled:
        snapshot, fresh = each.snapshot, each.fresh
        failed: dict[str, list[str]] = {}
        for collector, health in snapshot.health.items():
            if health.reason is not None:
                failed.setdefault(f"{health.reason}: {health.error}", []).append(collector)
        for told, collectors in failed.items():
            yield _line(f"account {snapshot.account}: {' and '.join(collectors)}: {told}")
        for collector, health in snapshot.health.items():
            if health.reason is None and health.polls and collector not in fresh:
                yield _line(
                    f"account {snapshot.account}: {collector}: too old by the time the account was done: "
                    "raise stale_after or requests_per_minute"
                )
        counted = snapshot.counted
        if counted and counted.verdict is Verdict.INCONSISTENT:
            yield _line(
                f"account {snapshot.account}: inventory: inconsistent: the list changed too fast to prove "
                f"that the {counted.inventory.pins} pins shown are all: raise requests_per_minute, page_size"
            )


def _prometheus(polled: Sequence[Polled], _: Now) -> bytes:
    return textfile(((each.snapshot, each.fresh) for each in polled), build_info_alone())


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


def _line(text: str) -> str:
    return "".join(piece.text for piece in pieces(text))
