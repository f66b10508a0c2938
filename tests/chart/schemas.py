"""What a strict API server refuses: the schemas of Kubernetes and of the Prometheus operator."""

import functools
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.chart.helm import TOOLS, Object
from tests.support.tools import do_without

_SCHEMAS: Final = files("kubernetes_validate") / "kubernetes-json-schema"
OPERATOR: Final = "monitoring.coreos.com/v1"


def kubernetes_versions() -> list[str]:
    """Return the versions of Kubernetes that there are schemas of, from the first supported on."""
    names = (re.fullmatch(r"v(\d+\.\d+)\.\d+-local-strict", schema.name) for schema in _SCHEMAS.iterdir())
    versions = sorted(tuple(map(int, match[1].split("."))) for match in names if match)
    return [f"{major}.{minor}" for major, minor in versions if (major, minor) >= (1, 25)]


def kubernetes_problems(found: Object, version: str) -> list[str]:
    """Return what a version of Kubernetes would refuse in one of its objects, unknown fields included."""
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", found["apiVersion"])
    return _problems(_kubernetes(version, f"{found['kind'].lower()}-{group}"), found)


@functools.cache
def _kubernetes(version: str, name: str) -> Draft202012Validator:
    directory = _SCHEMAS / f"v{version}.0-local-strict"
    schema = json.loads((directory / f"{name}.json").read_text())
    return Draft202012Validator(schema, registry=_definitions(version))


@functools.cache
def _definitions(version: str) -> Registry[Any]:
    definitions = json.loads((_SCHEMAS / f"v{version}.0-local-strict" / "_definitions.json").read_text())
    return Resource.from_contents(definitions) @ Registry()


def operator_versions() -> list[Path]:
    """Return where the definitions of each version of the Prometheus operator are; skip the test without."""
    return sorted(TOOLS.glob("prometheus-operator-v*")) or do_without(
        "the Prometheus operator's definitions are missing: `make chart-tools` fetches them, with Go"
    )


def operator_problems(found: Object, definitions: Path) -> list[str]:
    """Return what the operator's definition refuses in an object, unknown fields included."""
    return _problems(_operator(definitions / f"monitoring.coreos.com_{found['kind'].lower()}s.yaml"), found)


@functools.cache
def _operator(path: Path) -> Draft202012Validator:
    definition = yaml.load(path.read_text(), yaml.CSafeLoader)
    (version,) = (version for version in definition["spec"]["versions"] if version["name"] == "v1")
    return Draft202012Validator(_strict(version["schema"]["openAPIV3Schema"]))


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a definition's schema in which unknown fields are errors, as they are to a strict API server."""
    strict = dict(schema)
    if schema.get("x-kubernetes-int-or-string"):
        strict["type"] = ["integer", "string"]
    if "properties" in schema:
        strict["properties"] = {name: _strict(field) for name, field in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            strict["additionalProperties"] = False
    if isinstance(schema.get("additionalProperties"), dict):
        strict["additionalProperties"] = _strict(schema["additionalProperties"])
    if "items" in schema:
        strict["items"] = _strict(schema["items"])
    return strict


def _problems(validator: Draft202012Validator, found: Object) -> list[str]:
    where = f"{found['kind']} {found['metadata']['name']}"
    return [f"{where}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(found)]
