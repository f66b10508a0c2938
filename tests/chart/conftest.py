"""Helm 4, or each Helm in turn where they might differ.

For the ways to install in `ci/`, `test_render.py` sees that both make the same of them.
"""

import pytest

from tests.chart.helm import MAJORS, Helm, find_helm


@pytest.fixture
def helm() -> Helm:
    return find_helm("4")


@pytest.fixture(params=MAJORS, ids=lambda major: f"helm {major}")
def each_helm(request: pytest.FixtureRequest) -> Helm:
    return find_helm(request.param)
