"""Values that were fit for a release stay so.

`helm/pin-exporter/ci/released/README.md` says how to add them.
"""

from pathlib import Path
from typing import Any

import pytest

from dev.chart.files import CHART
from tests.chart.helm import CI_VALUES, SECRET, Helm, read_yaml, workload

RELEASED = sorted((CHART / "ci" / "released").glob("*-values.yaml"))
# The values of today are those of the next release.
OLD = [CHART / "values.yaml", *CI_VALUES, *RELEASED]


def complete(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with an account, should they be bare defaults."""
    credentials = values.get("credentials", {})
    named = any(credentials.get(name) for name in ("existingSecret", "apiKey", "apiKeyFile"))
    if named or values.get("accounts") or values.get("demo", {}).get("enabled"):
        return values
    return {**values, "credentials": {**credentials, **SECRET["credentials"]}}


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.name)
def test_values_of_a_release_fit_this_chart(helm: Helm, path: Path) -> None:
    values = complete(read_yaml(path))
    spec = workload(helm.template(values))
    assert spec["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": values.get("nameOverride") or "pin-exporter",
        "app.kubernetes.io/instance": "rel",
    }
