from pathlib import Path

import pytest

from tests.chart.helm import CI_VALUES, Helm, Object, read_yaml
from tests.chart.restricted import violations


def pods(objects: list[Object]) -> list[Object]:
    """Return every pod and template of a pod."""
    return [
        found if found["kind"] == "Pod" else found["spec"]["template"]
        for found in objects
        if found["kind"] in ("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job")
    ]


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)
def test_the_pods_of_exporter_and_test_fit_the_standard(helm: Helm, values: Path) -> None:
    rendered = pods(helm.template(read_yaml(values)))
    assert len(rendered) == 1 + read_yaml(values).get("tests", {}).get("enabled", True)
    expected = ["hostNetwork is set"] * len(rendered) if "host-network" in values.name else []
    assert [told for pod in rendered for told in violations(pod)] == expected
