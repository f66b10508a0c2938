"""The dashboard's colours, one for each meaning.

Each can be read on the panels of both of Grafana's themes, and any two can be told apart with each of
the common colour-vision deficiencies. No state is told by its colour alone all the same.
`tests/grafana/test_colours.py` measures it.
"""

from typing import Final

from pin_exporter.api.model import Phase

GOOD: Final = "#499b81"
WARNING: Final = "#d37812"
BAD: Final = "#c13140"
NEUTRAL: Final = "#4861d5"
NO_DATA: Final = "#6b6d80"

PHASE_COLOURS: Final = {
    Phase.PINNED: GOOD,
    Phase.IN_PROGRESS: NEUTRAL,
    Phase.FAILED: BAD,
    Phase.REMOVED: WARNING,
    Phase.UNKNOWN: NO_DATA,
}
