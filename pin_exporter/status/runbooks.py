"""Which alert's runbook helps with a problem, and the texts of the runbooks."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

from pin_exporter.api.errors import REASONS

_FOLDER: Final = files("pin_exporter.status") / "runbook_texts"  # a link to docs/runbooks
_CODE: Final = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_BREAK: Final = re.compile(r"\n *\n|\n *(?=\||- |\d+\. )")
_INLINE: Final = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((?:(\w+)\.md)?[^)]*\)")

BALANCE_EXHAUSTED: Final = "AIOZPinBalanceExhausted"
COUNT_MISMATCH: Final = "AIOZPinCountMismatch"
CREDENTIALS_REJECTED: Final = "AIOZPinCredentialsRejected"
DATA_STALE: Final = "AIOZPinDataStale"
EXPECTED_MISSING: Final = "AIOZPinExpectedMissing"
EXPECTED_UNREADABLE: Final = "AIOZPinExpectedCidsUnreadable"
INVENTORY_INCONSISTENT: Final = "AIOZPinInventoryInconsistent"
PINS_FAILED: Final = "AIOZPinPinsFailed"
PINS_STUCK: Final = "AIOZPinPinsStuck"
POLL_ERRORS_HIGH: Final = "AIOZPinPollErrorsHigh"
RETRIEVAL_FAILING: Final = "AIOZPinRetrievalFailing"
SIZE_LIMIT_NEARING: Final = "AIOZPinSizeLimitNearing"
THROTTLED: Final = "AIOZPinThrottled"
UNKNOWN_STATUS: Final = "AIOZPinUnknownStatus"

BY_REASON: Final[Mapping[str, str]] = {
    **dict.fromkeys(REASONS, POLL_ERRORS_HIGH),
    **dict.fromkeys(("unauthorized", "forbidden"), CREDENTIALS_REJECTED),
    "rate_limited": THROTTLED,
    "inconsistent": INVENTORY_INCONSISTENT,
}
"""The alert whose runbook helps when polls fail for a reason."""


def read_runbooks() -> dict[str, str]:
    """Return the runbooks by their names: those of the alerts, and README, the overview. All are Markdown."""
    texts = (path for path in _FOLDER.iterdir() if path.name.endswith(".md"))
    return {path.name.removesuffix(".md"): path.read_text(encoding="utf-8") for path in texts}


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the blocks of a runbook with their HTML elements; each row of a table is a paragraph."""
    for index, part in enumerate(_CODE.split(text)):
        if index % 2:
            yield "pre", textwrap.dedent(part)
            continue
        for block in _BREAK.split(part.strip()):
            words = " ".join(block.split())
            marks, _, heading = words.partition(" ")
            if words.startswith("#"):
                yield f"h{len(marks)}", heading
            elif words and not words.startswith("|--"):
                yield "p", words.strip("| ").replace(" | ", " · ")


def pieces(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the pieces of a paragraph: HTML element, if any, text, and the runbook that an `a` leads to."""
    end = 0
    for match in _INLINE.finditer(text):
        yield "", text[end : match.start()], ""
        code, strong, label, runbook = match.groups(default="")
        yield (
            ("code" if code else "strong" if strong else "a" if runbook else ""),
            code or strong or label,
            runbook,
        )
        end = match.end()
    yield "", text[end:], ""
