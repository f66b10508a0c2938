"""The dashboard's colors, one per meaning.

Each is readable on the panels of both Grafana themes, and any two can be distinguished with each of the
common color-vision deficiencies (`tests/grafana/test_colors.py` measures both). Each state has a text, too.
"""

from typing import Final

from pin_exporter.api.model import Phase

GOOD: Final = "#499b81"
WARNING: Final = "#d37812"
BAD: Final = "#c13140"
NEUTRAL: Final = "#4861d5"
NO_DATA: Final = "#6b6d80"

PHASE_COLORS: Final = {
    Phase.PINNED: GOOD,
    Phase.IN_PROGRESS: NEUTRAL,
    Phase.FAILED: BAD,
    Phase.REMOVED: WARNING,
    Phase.UNKNOWN: NO_DATA,
}
