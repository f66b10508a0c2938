"""Render reports as HTML pages; everything that comes from outside is escaped."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from pin_exporter import __version__
from pin_exporter.status import runbooks
from pin_exporter.status.account import AccountDetails
from pin_exporter.status.report import Report
from pin_exporter.toolkit import display_text, units

_MIN_WIDTH: Final = 1.0
_loader: Final = PackageLoader("pin_exporter.status")
_environment: Final = Environment(
    loader=_loader,
    autoescape=True,
    auto_reload=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Pages:
    """The pages of one exporter. `note` is shown on each of them, such as that the data are simulated."""

    def __init__(self, telemetry_path: str, note: str | None = None) -> None:
        shared = {
            "telemetry_path": telemetry_path.removeprefix("/"),
            "note": note,
            "version": __version__,
        }
        # All templates are read now, so that an upgrade of the package does not change a running process.
        for name in _loader.list_templates():
            _environment.get_template(name)
        # Links are relative, so that the pages also work behind a proxy that adds a path.
        self._overview = partial(_environment.get_template("overview.html").render, shared, root="./")
        self._account = partial(_environment.get_template("account.html").render, shared, root="../")
        self._runbook = partial(_environment.get_template("runbook.html").render, shared, root="../")
        self._runbooks = runbooks.read_runbooks()

    def overview(self, report: Report) -> str:
        """Return the page about all accounts."""
        return self._overview(report=report)

    def account(self, details: AccountDetails) -> str:
        """Return the page about one account."""
        return self._account(report=details)

    def runbook(self, name: str) -> str | None:
        """Return the page with a runbook, None if there is none of this name."""
        text = self._runbooks.get(name)
        return text and self._runbook(name=name, text=text)


def style_sheet() -> str:
    """Return the style sheet of all pages."""
    return _environment.get_template("style.css").render()


def icon() -> str:
    """Return the icon of all pages, as SVG."""
    return _environment.get_template("icon.svg").render()


def bar_widths(shares: Iterable[float]) -> list[float]:
    """Return the widths of a bar's parts, 100 in total; parts that are not empty can be seen."""
    shares = list(shares)
    narrow = [0 < share < _MIN_WIDTH / 100 for share in shares]
    wide = sum(share for share, small in zip(shares, narrow, strict=True) if not small)
    scale = (100 - _MIN_WIDTH * sum(narrow)) / wide if wide else 0.0
    return [_MIN_WIDTH if small else share * scale for share, small in zip(shares, narrow, strict=True)]


def _datetime(at: float) -> str:
    """Return Unix seconds as the attribute of HTML, or nothing beyond the years of the calendar."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return ""


_environment.filters |= {
    "bar_widths": bar_widths,
    "counted": units.counted,
    "date": units.format_date,
    "datetime": _datetime,
    "blocks": runbooks.blocks,
    "inline": runbooks.pieces,
    "duration": units.format_duration,
    "number": units.format_number,
    "pieces": display_text.pieces,
    "share": units.format_percent,
    "size": units.format_size,
}
