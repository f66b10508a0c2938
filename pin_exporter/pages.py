"""Write the status pages: reports as HTML, in which everything from outside is escaped."""

from datetime import UTC, datetime
from functools import partial
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from pin_exporter import shown
from pin_exporter.detail import Detail
from pin_exporter.report import Report
from pin_exporter.runbooks import documents_url

_loader: Final = PackageLoader("pin_exporter")
_environment: Final = Environment(
    loader=_loader,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Pages:
    """The pages of one exporter. `note` is shown on each of them, such as that all is made up."""

    def __init__(self, telemetry_path: str, note: str | None = None) -> None:
        shared = {
            "telemetry_path": telemetry_path.removeprefix("/"),
            "note": note,
            "documents_url": documents_url(),
        }
        # Links are relative, so that the pages also work below a path of a proxy.
        self._overview = partial(_environment.get_template("overview.html").render, shared, root="./")
        self._account = partial(_environment.get_template("account.html").render, shared, root="../")

    def overview(self, report: Report) -> str:
        """Return the page on all accounts."""
        return self._overview(report=report)

    def account(self, detail: Detail) -> str:
        """Return the page on one account."""
        return self._account(report=detail)


def style_sheet() -> str:
    """Return the style sheet of all pages."""
    return _loader.get_source(_environment, "style.css")[0]


def _datetime(at: float) -> str:
    """Return Unix seconds as HTML wants them in an attribute, nothing for what no calendar has."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return ""


_environment.filters |= {
    "bar_widths": shown.bar_widths,
    "date": shown.date_text,
    "datetime": _datetime,
    "duration": shown.duration_text,
    "number": shown.number_text,
    "pieces": shown.pieces,
    "share": shown.share_text,
    "size": shown.size_text,
}
