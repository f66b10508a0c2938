"""The result of the polls in each format, and the lines about what failed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final, NamedTuple

from pin_exporter import __version__
from pin_exporter.api.model import Collector, Phase, Verdict
from pin_exporter.metrics.account import account_textfile
from pin_exporter.metrics.exporter import build_info_registry
from pin_exporter.once.polling import PolledAccount
from pin_exporter.polling.expected_file import cids_to_pin
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.report import AccountReport, Now, Report, account_report
from pin_exporter.toolkit.units import counted, format_duration, format_number, format_size

_COMPARE: Final = "run pin-exporter doctor, and compare with the AIOZ Pin dashboard"
_NONE: Final = "-"


def result(polled: Sequence[PolledAccount], output_format: str, now: Now) -> bytes:
    """Return the result in one of FORMATS."""
    return FORMATS[output_format](polled, now)


def failures(polled: Sequence[PolledAccount]) -> Iterator[str]:
    """Yield a line about each poll that failed, is stale or inconsistent, or lacks pins.

    It has the account, the collector (both if they failed alike), the reason, and what to do.
    """
    for each in polled:
        for text in _failures(each):
            yield f"account {each.snapshot.account}: {text}"


def _failures(polled: PolledAccount) -> Iterator[str]:
    snapshot, fresh = polled.snapshot, polled.fresh
    failed: dict[str, list[str]] = {}
    for collector, health in snapshot.health.items():
        if health.reason is not None:
            failed.setdefault(f"{health.reason}: {health.error}", []).append(collector)
    for error, collectors in failed.items():
        yield f"{' and '.join(collectors)}: {error}"
    for collector, health in snapshot.health.items():
        if health.reason is None and health.polls and collector not in fresh:
            action = "raise stale_after or requests_per_minute"
            yield f"{collector}: stale: the data became stale before the polls had finished: {action}"
    taken = snapshot.counted
    if taken and taken.verdict is Verdict.INCONSISTENT:
        pins = counted(taken.inventory.pins, "pin")
        action = "raise requests_per_minute or page_size"
        yield f"inventory: inconsistent: the list changed too fast to prove its {pins} complete: {action}"
    report = account_report(snapshot, polled.ended)
    yield from _expected_failures(snapshot, report)
    lacking = _lacks(report)
    lacks = []
    if lacking.missing:
        lacks.append(f"the API lists {counted(lacking.missing, 'row')} fewer than totals.files")
    if lacking.malformed:
        lacks.append(f"{counted(lacking.malformed, 'row')} could not be parsed")
    if lacks:
        yield f"inventory: incomplete: {', '.join(lacks)}: {_COMPARE}"


def _expected_failures(snapshot: AccountSnapshot, report: AccountReport) -> Iterator[str]:
    if snapshot.expected_file and snapshot.expected_file.problem:
        yield f"expected_cids_file: cannot be read: {snapshot.expected_file.problem}"
    if report.expected and report.expected.to_pin:
        cids = f"{format_number(report.expected.to_pin)} of {counted(report.expected.cids, 'expected CID')}"
        yield f"expected_cids_file: {cids} must be pinned again: --format=missing lists them"


class _Lacks(NamedTuple):
    """Files that are reported but not listed, and rows that could not be parsed."""

    missing: int = 0
    malformed: int = 0


def _lacks(account: AccountReport) -> _Lacks:
    """Return what the list lacks; nothing without a consistent inventory.

    What comes and goes while the list is read is not missing: only what is listed less than both numbers say
    that the API reports, with the totals and at the end of the list.
    """
    inventory = account.inventory
    if inventory is None or inventory.verdict is Verdict.INCONSISTENT:
        return _Lacks()
    reported = inventory.pins + inventory.unaccounted_files
    files = reported if account.files is None else account.files
    listed = inventory.pins + inventory.malformed_pins
    return _Lacks(max(0, min(reported, files) - listed), inventory.malformed_pins)


def _prometheus(polled: Sequence[PolledAccount], _: Now) -> bytes:
    return account_textfile(((each.snapshot, each.fresh) for each in polled), build_info_registry())


def _json(polled: Sequence[PolledAccount], now: Now) -> bytes:
    report = Report(__version__, now.wall, tuple(_account(each, now) for each in polled))
    return (json.dumps(asdict(report), indent=2) + "\n").encode()


def _account(polled: PolledAccount, now: Now) -> AccountReport:
    """Report the data that were fresh when the account's polls ended, with their age by now."""
    report = account_report(polled.snapshot, polled.ended)
    since = now.elapsed - polled.ended.elapsed
    collectors = (
        each if each.age_seconds is None else replace(each, age_seconds=each.age_seconds + since)
        for each in report.collectors
    )
    return replace(report, collectors=tuple(collectors))


def _missing(polled: Sequence[PolledAccount], _: Now) -> bytes:
    cids: list[str] = []
    for each in polled:
        snapshot = each.snapshot
        result = snapshot.counted.expected if snapshot.counted and Collector.INVENTORY in each.fresh else None
        if result and result.not_held and snapshot.expected_file:
            cids += cids_to_pin(snapshot.expected_file.path, result)
    return "".join(f"{cid}\n" for cid in cids).encode()


def _table(polled: Sequence[PolledAccount], now: Now) -> bytes:
    phases = [phase.replace("_", " ") for phase in Phase]
    header = ["account", "up", "files", "size", *phases, "balance exhausted", "data age", "inventory"]
    rows = [header, *(_row(_account(each, now)) for each in polled)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *numbers, verdict in rows if polled else ():
        cells = (cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True))
        lines.append("  ".join([name.ljust(widths[0]), *cells, verdict]))
    return "".join(f"{line}\n" for line in lines).encode()


def _row(account: AccountReport) -> list[str]:
    inventory = account.inventory
    ages = [each.age_seconds for each in account.collectors if each.fresh and each.age_seconds is not None]
    return [
        account.account,
        "yes" if account.up else "no",
        _number(account.files),
        _NONE if account.size_bytes is None else format_size(account.size_bytes),
        *(_number(inventory.pins_in(phase) if inventory else None) for phase in Phase),
        _number(inventory.balance_exhausted_pins if inventory else None),
        format_duration(max(ages)) if ages else _NONE,
        _verdict(account),
    ]


def _number(number: int | None) -> str:
    return _NONE if number is None else format_number(number)


def _verdict(account: AccountReport) -> str:
    """Return the verdict of the inventory, or what is missing, or why there is none."""
    if account.inventory is None:
        reasons = {each.collector: each.reason for each in account.collectors}
        return f"no data: {reasons[Collector.INVENTORY] or reasons[Collector.TOTALS] or 'stale'}"
    lacking = _lacks(account)
    if lacking.missing:
        return f"{format_number(lacking.missing)} missing"
    if lacking.malformed:
        return f"{format_number(lacking.malformed)} malformed"
    if account.expected and account.expected.to_pin:
        return f"{format_number(account.expected.to_pin)} to pin again"
    return account.inventory.verdict


FORMATS: Final[Mapping[str, Callable[[Sequence[PolledAccount], Now], bytes]]] = {
    "prometheus": _prometheus,
    "json": _json,
    "table": _table,
    "missing": _missing,
}
