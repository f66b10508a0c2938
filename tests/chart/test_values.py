import json
from copy import deepcopy
from typing import Any

import pytest

from dev.chart.files import CHART, generated
from dev.chart.metadata import IMAGE
from dev.chart.schema import NOT_IN_CONFIG
from dev.chart.values import Value, read_values
from pin_exporter import __version__
from pin_exporter.config.settings import AccountEntry, Settings
from tests.chart.helm import CI_VALUES, MONITORING, SECRET, Helm, HelmError, read_yaml

VALUES = read_values(CHART / "values.yaml")
DEFAULTS = read_yaml(CHART / "values.yaml")
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
CI = {path.name: read_yaml(path) for path in CI_VALUES}
EXTRAS = {name: {"enabled": True} for name in ("prometheusRule", "dashboards", "networkPolicy")}


@pytest.mark.parametrize(("name", "text"), generated().items(), ids=lambda value: str(value)[:30])
def test_a_generated_file_is_up_to_date(name: str, text: str) -> None:
    assert (CHART / name).read_text() == text, "make chart"


def test_chart_image_and_package_are_of_one_version_and_repository() -> None:
    metadata = read_yaml(CHART / "Chart.yaml")
    assert metadata["version"] == metadata["appVersion"] == __version__
    assert [keeper["url"] for keeper in metadata["maintainers"]] == [metadata["home"].rpartition("/")[0]]
    image = DEFAULTS["image"]
    assert f"{image['registry']}/{image['repository']}" == IMAGE


def without(values: dict[str, Any], value: Value) -> dict[str, Any] | None:
    """Return the values but for one, or None where it is not among them."""
    rest = deepcopy(values)
    inner = rest
    for step in value.path[:-1]:
        inner = inner.get(step) or {}
    return rest if inner.pop(value.path[-1], inner) is not inner else None


def render(helm: Helm, values: dict[str, Any]) -> object:
    """Return the objects, or what Helm has against the values."""
    try:
        return helm.template(values, apis=MONITORING)
    except HelmError as error:
        return str(error)


@pytest.fixture(scope="module")
def rendered() -> dict[str, object]:
    return {}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.name)
def test_each_value_changes_something(helm: Helm, value: Value, rendered: dict[str, object]) -> None:
    """Some file in `ci/` sets it, and without it something else comes out."""
    for name, values in CI.items():
        rest = without(values, value)
        if rest is not None:
            rendered.setdefault(name, render(helm, values))
            if render(helm, rest) != rendered[name]:
                return
    pytest.fail(f"{value.name} is in no file of ci/, or changes nothing there")


def test_each_setting_of_the_exporter_can_be_set() -> None:
    shared = SCHEMA["properties"]["config"]["properties"]
    assert shared.keys() == Settings.model_fields.keys() - NOT_IN_CONFIG
    own = SCHEMA["properties"]["accounts"]["items"]["properties"]["config"]["properties"]
    assert own.keys() == AccountEntry.model_fields.keys() - NOT_IN_CONFIG
    assert {"poll_interval", "log_level"} <= shared.keys()


def test_everything_in_the_schema_is_described() -> None:
    def undescribed(schema: dict[str, Any], path: str) -> list[str]:
        properties = schema.get("properties", {})
        here = [] if properties or "description" in schema else [path]
        return here + [
            told for name, inner in properties.items() for told in undescribed(inner, f"{path}.{name}")
        ]

    told = [path for path in undescribed(SCHEMA, "") if not path.startswith((".accounts", ".config"))]
    assert told == []


@pytest.mark.parametrize(
    "values",
    [
        {"replica": 1},
        {"credentials": {"existingSecrets": "a"}},
        {"config": {"pol_interval": "5m"}},
        {"config": {"api_key": "a"}},
        {"accounts": [{"name": "a", "existingSecret": "s", "poll_interval": "5m"}]},
        {"image": {"pullpolicy": "Always"}},
        {"serviceMonitor": {"relabeling": []}},
        {"replicas": 2},
        {"replicas": "1"},
        {"shards": 0},
        {"shards": "2"},
        {"web": {"tlsSecrets": "a"}},
        {"web": {"tls": "yes"}},
        {"config": {"shard": 1}},
        {"containerPort": 0},
        {"serviceMonitor": {"enabled": "yes"}},
        {"serviceMonitor": {"interval": "1 minute"}},
        {"podMonitor": {"scheme": "HTTPS"}},
        {"image": {"digest": "abc"}},
        {"prometheusRule": {"thresholds": {"stuck_seconds": "7d"}}},
        {"prometheusRule": {"alerts": {"AIOZPinPinsStuck": {"for": "an hour"}}}},
        {"prometheusRule": {"additionalGroups": [{"rules": []}]}},
        {"podLabels": {"a": 1}},
        {"extraArgs": [1]},
        {"hostNetwork": "yes"},
        {"credentials": {"apiKeyFile": "api-key", "secretKeyFile": "/s"}},
        {"accounts": [{"name": "a", "apiKeyFile": "/k", "secretKeyFile": "s"}]},
        {"credentials": {"expectedCids": {"cids": [1]}}},
        {"credentials": {"expectedCids": {"configMap": "a"}}},
        {"accounts": [{"name": "a", "existingSecret": "s", "expectedCids": {"file": "a"}}]},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_what_is_misspelt_or_of_the_wrong_kind(helm: Helm, values: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match="values don't meet the specifications of the schema"):
        helm.template({**SECRET, **values})


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.name)
def test_null_empties_what_may_be_empty_and_is_refused_for_the_rest(helm: Helm, value: Value) -> None:
    """Whoever comments out all of a mapping, but not its name, says null; so do charts that mean no text."""
    account = {"demo": {"enabled": True}} if value.name == "credentials.existingSecret" else SECRET
    values: dict[str, Any] = deepcopy({**account, **EXTRAS})
    inner = values
    for step in value.path[:-1]:
        inner = inner.setdefault(step, {})
    inner[value.path[-1]] = None
    rendered = render(helm, values)
    if isinstance(value.default, dict | list) or value.default in (None, ""):
        assert isinstance(rendered, list), rendered
    else:
        assert f"missing property '{value.path[-1]}'" in str(rendered)
