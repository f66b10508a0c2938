"""What Grafana's own code displays for panels and their query results: `dev/render/display.mjs`."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from dev.project import ROOT
from tests.grafana.support.grafana import Answer, Panel, View
from tests.support.tools import do_without, require_tool

_RENDER = ROOT / "dev" / "render"


@dataclass(frozen=True, slots=True)
class Shown:
    """A text with its color, as `#rrggbb`."""

    text: str
    color: str


Key = TypeVar("Key")


def stats_shown(views: Mapping[Key, View], panels: Sequence[Panel]) -> dict[Key, dict[str, Shown]]:
    """Return what each stat displays in each view, by title."""
    shown = iter(display([(view, panel) for view in views.values() for panel in panels]))
    return {key: {one["title"]: _only(one["shown"]) for one in islice(shown, len(panels))} for key in views}


def display(asked: Iterable[tuple[View, Panel]]) -> list[dict[str, Any]]:
    """Run the queries of each panel, and return what Grafana displays."""
    node = require_tool("node", "nodejs")
    require_tool("npm", "npm")
    _require_packages()
    inputs = [
        {"panel": panel.model, "results": {one.target.ref: _response(one) for one in view.answers(panel)}}
        for view, panel in asked
    ]
    done = subprocess.run(
        [node, _RENDER / "display.mjs"], input=json.dumps(inputs), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown: list[dict[str, Any]] = json.loads(done.stdout)
    return shown


def _response(answer: Answer) -> dict[str, Any]:
    return {"status": "success", "data": answer.data}


def _only(shown: list[dict[str, Any]]) -> Shown:
    (one,) = shown
    return Shown(one["text"], one["color"])


def _require_packages() -> None:
    if not (_RENDER / "node_modules").exists():
        do_without("Grafana's packages are not installed: `make render` fetches them, with npm")
