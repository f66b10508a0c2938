"""What the chart makes when only a Secret is named: `python -m tests.chart.golden` writes it down anew."""

from pathlib import Path
from typing import Final

import yaml

from pin_exporter import __version__
from tests.chart.helm import SECRET, Helm, find_helm

GOLDEN: Final = Path(__file__).parent / "golden.yaml"


def default_render(helm: Helm) -> str:
    """Return the objects in an order and a form that do not depend on Helm, and without the version."""
    objects = helm.template(SECRET)
    objects.sort(key=lambda found: (found["kind"], found["metadata"]["name"]))
    return yaml.safe_dump_all(objects, width=100).replace(__version__, "VERSION")


if __name__ == "__main__":
    GOLDEN.write_text(default_render(find_helm("4")))
