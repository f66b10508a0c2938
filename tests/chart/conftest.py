"""Helm 4, or each Helm in turn where they might differ.

For the ways to install in `ci/`, `test_render.py` sees that both make the same of them.
"""

from pathlib import Path

import pytest

from tests.chart.helm import MAJORS, Helm, find_helm


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder as slow: they need both Helms."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def helm() -> Helm:
    return find_helm("4")


@pytest.fixture(params=MAJORS, ids=lambda major: f"helm {major}")
def each_helm(request: pytest.FixtureRequest) -> Helm:
    return find_helm(request.param)
