"""Whether the dashboard's colors are readable and distinguishable, by measurement.

Contrast is that of WCAG (3:1 for graphics and large text) against the panels of both themes. Complete
color-vision deficiencies are simulated after Machado, Oliveira and Fernandes (2009). Differences are
CIEDE2000: about 2 is visible between two patches side by side, 12 between lines on a chart.
"""

import json
from itertools import combinations
from typing import Any

import pytest
from coloraide import Color

from dev.grafana import colors
from dev.project import ROOT

PANELS_OF_THEMES = {"dark": "#181b1f", "light": "#ffffff"}
MEANINGS = {
    name: value
    for name, value in vars(colors).items()
    if name.isupper() and isinstance(value, str) and value.startswith("#")
}
DEFICIENCIES = ("protan", "deutan", "tritan")


@pytest.mark.parametrize("theme", PANELS_OF_THEMES)
@pytest.mark.parametrize("meaning", MEANINGS)
def test_each_color_stands_out_from_the_panel_in_both_themes(theme: str, meaning: str) -> None:
    assert Color(MEANINGS[meaning]).contrast(PANELS_OF_THEMES[theme]) >= 3


@pytest.mark.parametrize("meaning", MEANINGS)
def test_text_is_readable_on_each_color(meaning: str) -> None:
    # Grafana writes white or nearly black on a colored stat, whichever stands out more.
    assert max(Color(MEANINGS[meaning]).contrast(text) for text in ("#ffffff", "#202226")) >= 3


@pytest.mark.parametrize(("one", "other"), list(combinations(sorted(MEANINGS), 2)))
@pytest.mark.parametrize("deficiency", [None, *DEFICIENCIES])
def test_any_two_colors_are_distinguishable(one: str, other: str, deficiency: str | None) -> None:
    seen = [Color(MEANINGS[name]) for name in (one, other)]
    if deficiency:
        seen = [color.filter(deficiency, 1, method="machado") for color in seen]
    assert seen[0].delta_e(seen[1], method="2000") >= 12


def test_each_phase_has_its_own_color() -> None:
    assert len(set(colors.PHASE_COLORS.values())) == len(colors.PHASE_COLORS) == 5


def test_the_dashboard_uses_no_other_colors() -> None:
    used = set(found(json.loads((ROOT / "grafana" / "dashboard.json").read_text(encoding="utf-8"))))
    assert used - {"text"} == set(MEANINGS.values())


def found(node: Any) -> list[str]:
    """Return all colors named anywhere in the dashboard."""
    if isinstance(node, list):
        return [color for item in node for color in found(item)]
    if not isinstance(node, dict):
        return []
    own = [node[key] for key in ("color", "fixedColor", "iconColor") if isinstance(node.get(key), str)]
    return own + [color for item in node.values() for color in found(item)]
