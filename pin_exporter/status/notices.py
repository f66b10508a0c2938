"""Say in sentences what is wrong with an account, the worst first; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pin_exporter.api.model import Collector, Phase, Totals, Verdict
from pin_exporter.polling.snapshot import KEY_REASONS
from pin_exporter.status import runbooks
from pin_exporter.status.report_parts import CollectorReport, InventoryReport
from pin_exporter.status.runbooks import runbook_url
from pin_exporter.toolkit.display_text import duration_text, number_text


class Level(StrEnum):
    """How bad it is, in the words of the alerts, the worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to know of an account. `text` is the exporter's own; `error` may quote the API."""

    level: Level
    text: str
    error: str | None = None
    runbook_url: str | None = None


def notices_of(
    collectors: Sequence[CollectorReport],
    inventory: InventoryReport | None,
    totals: Totals | None,
    size_limit_bytes: int | None,
) -> tuple[Problem, ...]:
    """Return what a person should know, nothing if all is well. Data that are not fresh are given as None."""
    found: list[Problem] = []
    for collector in collectors:
        # Most often both fail for the same cause, which is told once.
        told = {notice.error for notice in found}
        found += (
            replace(each, error=None) if each.error in told else each for each in _of_collector(collector)
        )
    if inventory:
        found += _of_inventory(inventory)
    if totals and size_limit_bytes is not None and totals.size > size_limit_bytes:
        found.append(_notice(Level.WARNING, "The size limit is passed.", runbooks.LIMIT_SOON))
    levels = list(Level)
    return tuple(sorted(found, key=lambda notice: levels.index(notice.level)))


def _of_collector(collector: CollectorReport) -> Iterator[Problem]:
    is_totals = collector.collector is Collector.TOTALS
    polled = "The poll of the totals" if is_totals else "The inventory"
    hidden = "files and size are not shown" if is_totals else "pins and their states are not shown"
    age = None if collector.age_seconds is None else duration_text(collector.age_seconds)
    if collector.reason:
        if collector.fresh:
            outcome = f"what is shown is from {age} ago"
        elif age is None:
            outcome = f"there was no success yet, so {hidden}"
        else:
            outcome = f"the last success was {age} ago, so {hidden}"
        mild = collector.fresh and collector.reason not in KEY_REASONS
        level = Level.WARNING if mild else Level.CRITICAL
        told = f"{polled} failed ({collector.reason}): {outcome}."
        yield Problem(level, told, collector.error, collector.runbook_url)
    elif age is None:
        yield Problem(Level.INFO, f"{polled} is not done yet: {hidden}.")
    elif not collector.fresh:
        told = f"{polled} last succeeded {age} ago, which is too old: {hidden}."
        yield Problem(Level.CRITICAL, told, None, collector.runbook_url)


def _of_inventory(inventory: InventoryReport) -> Iterator[Problem]:
    failed, unknown = inventory.pins_in(Phase.FAILED), inventory.pins_in(Phase.UNKNOWN)
    if inventory.out_of_money_pins:
        told = f"{_pins(inventory.out_of_money_pins)} dropped because the balance ran out."
        yield _notice(Level.CRITICAL, told, runbooks.OUT_OF_MONEY)
    if failed:
        yield _notice(Level.WARNING, f"{_pins(failed)} given up: not held by AIOZ Pin.", runbooks.PINS_FAILED)
    if inventory.stuck_pins:
        stuck = _pins(inventory.stuck_pins, "has", "have")
        told = f"{stuck} been in progress for more than 7 days: stuck, or a very large upload."
        yield _notice(Level.WARNING, told, runbooks.PINS_STUCK)
    if inventory.verdict is Verdict.INCONSISTENT:
        told = "The list changes too fast to be counted: what is shown is not proven."
        yield _notice(Level.WARNING, told, runbooks.INVENTORY_INCONSISTENT)
    if unknown:
        told = f"{_pins(unknown)} found with a status that this version does not know."
        yield _notice(Level.INFO, told, runbooks.UNKNOWN_STATUS)
    if inventory.unaccounted:
        relation = "more" if inventory.unaccounted > 0 else "fewer"
        told = f"The API reports {number_text(abs(inventory.unaccounted))} files {relation} than it lists."
        # Of a list that changes, some may have come or gone between two pages.
        level = Level.WARNING if inventory.verdict is Verdict.CONSISTENT else Level.INFO
        yield _notice(level, told, runbooks.COUNTS_DISAGREE)
    if inventory.malformed:
        told = f"{number_text(inventory.malformed)} rows of the list could not be read and are not counted."
        yield _notice(Level.WARNING, told, runbooks.COUNTS_DISAGREE)


def _notice(level: Level, text: str, alert: str) -> Problem:
    return Problem(level, text, None, runbook_url(alert))


def _pins(number: int, one: str = "was", several: str = "were") -> str:
    return f"1 pin {one}" if number == 1 else f"{number_text(number)} pins {several}"
