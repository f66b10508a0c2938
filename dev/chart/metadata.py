"""The chart's metadata, from what the project says of itself elsewhere."""

import tomllib
from typing import Any, Final

from dev.project import REPOSITORY, ROOT
from dev.yaml_text import yaml_text
from pin_exporter import __version__

IMAGE: Final = f"ghcr.io/{REPOSITORY.removeprefix('https://github.com/')}"
_HOST, _OWNER, _ = REPOSITORY.rsplit("/", 2)
_PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
_HEAD: Final = "# Made by `make chart`, of pyproject.toml and the version of the package.\n"


def chart_yaml() -> str:
    """Return Chart.yaml. Chart and application are released together and carry one version."""
    links = [
        {"name": "Metrics", "url": f"{REPOSITORY}/blob/main/docs/metrics.md"},
        {"name": "Security", "url": f"{REPOSITORY}/blob/main/SECURITY.md"},
    ]
    annotations = {
        "artifacthub.io/category": "monitoring-logging",
        "artifacthub.io/license": _PROJECT["license"],
        "artifacthub.io/links": yaml_text(links),
        "artifacthub.io/images": yaml_text([{"name": "pin-exporter", "image": f"{IMAGE}:{__version__}"}]),
    }
    chart = {
        "apiVersion": "v2",
        "name": _PROJECT["name"],
        "description": _PROJECT["description"],
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
        "kubeVersion": ">=1.25.0-0",
        "home": REPOSITORY,
        "sources": [REPOSITORY],
        "keywords": _PROJECT["keywords"],
        # chart-testing refuses a chart without, and looks the name up where the repository is.
        "maintainers": [{"name": _OWNER, "url": f"{_HOST}/{_OWNER}"}],
        "annotations": annotations,
    }
    return _HEAD + yaml_text(chart)
