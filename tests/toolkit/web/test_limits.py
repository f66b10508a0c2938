import resource

import pytest

from pin_exporter.toolkit.web.limits import Limits


@pytest.mark.parametrize(
    ("files", "connections"), [(8, 8), (256, 48), (1_024, 192), (resource.RLIM_INFINITY, 192)]
)
def test_few_open_files_allow_few_connections(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert Limits().connections == connections
