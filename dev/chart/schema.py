"""Make the schema of the values: types from the defaults, and by hand what a default does not tell."""

import json
from typing import Any, Final

from dev.chart.values import Value
from pin_exporter.config.settings import ACCOUNT_KEYS, AccountEntry, Settings

_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNT: Final = {"type": ["integer", "null"], "minimum": 0}
_PORT: Final = {"type": "integer", "minimum": 1, "maximum": 65535}
_SCHEME: Final = {"enum": ["", "http", "https"]}
_DURATION: Final = {"type": "string", "pattern": r"^$|^([0-9]+(ms|[smhdwy]))+$"}
_NUMBER: Final = {"type": ["number", "string"], "pattern": r"^[+-]?(Inf|[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)$"}
"""A number of PromQL. As a text it may be infinite, for which JSON has no number."""
_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}
_STRINGS: Final = {"type": "array", "items": {"type": "string"}}
_SECRET_NAMES: Final = {
    "type": "array",
    "items": {
        "oneOf": [
            {"type": "string"},
            {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False},
        ]
    },
}
NOT_IN_CONFIG: Final = {
    *("name", *ACCOUNT_KEYS),
    *("config_file", "web_listen_address", "web_config_file", "shard", "total_shards"),
}
"""Settings that the chart sets itself."""


def _closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def _settings(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of settings by name; what is in them the exporter itself checks, and better."""
    names = [name for name in fields if name not in NOT_IN_CONFIG]
    described = {name: Settings.model_fields[name].description for name in names}
    types = ["string", "number", "boolean", "null"]
    return _closed({name: {"type": types, "description": described[name]} for name in names})


# In a list, nobody removes null, which tools that write values have for what is left out.
_LEFT_OUT: Final = {"type": ["object", "null"]}
_TEXT: Final = {"type": ["string", "null"]}
# A relative path would be one in the directory of the config file, where no key can be.
_PATH: Final = {"type": ["string", "null"], "pattern": "^(/.*)?$"}
_CIDS: Final = {"type": ["array", "string", "null"], "items": {"type": "string"}}
_ACCOUNT: Final = _closed(
    {
        # The template says in one sentence what is wrong with a name.
        "name": {"type": "string"},
        **dict.fromkeys(("existingSecret", "apiKey", "secretKey", "gatewayToken"), _TEXT),
        **dict.fromkeys(("apiKeyFile", "secretKeyFile"), _PATH),
        "keys": _closed(dict.fromkeys(("apiKey", "secretKey", "gatewayToken"), _TEXT)) | _LEFT_OUT,
        "expectedCids": _closed(
            {"cids": _CIDS, **dict.fromkeys(("existingConfigMap", "existingSecret", "key"), _TEXT)}
        )
        | _LEFT_OUT,
        "config": _settings(AccountEntry.model_fields) | _LEFT_OUT,
    }
)
_ALERT: Final = _closed(
    {
        "enabled": {"type": "boolean"},
        "severity": {"type": "string"},
        "for": _DURATION,
        "labels": _TEXTS,
    }
)
_MONITOR: Final[dict[str, dict[str, Any]]] = {
    "interval": _DURATION,
    "scrapeTimeout": _DURATION,
    "scheme": _SCHEME,
    **dict.fromkeys(("relabelings", "metricRelabelings"), _OBJECTS),
    **dict.fromkeys(("targetLabels", "podTargetLabels"), _STRINGS),
    **dict.fromkeys(
        ("sampleLimit", "targetLimit", "labelLimit", "labelNameLengthLimit", "labelValueLengthLimit"), _COUNT
    ),
}
_TYPES: Final[dict[str, dict[str, Any]]] = {
    **dict.fromkeys(("credentials.apiKeyFile", "credentials.secretKeyFile"), _PATH),
    "credentials.expectedCids.cids": _CIDS,
    "accounts": {"type": "array", "items": _ACCOUNT},
    "config": _settings(Settings.model_fields),
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.digest": {"type": "string", "pattern": "^$|^sha256:[0-9a-f]{64}$"},
    "imagePullSecrets": _SECRET_NAMES,
    "global.imagePullSecrets": _SECRET_NAMES,
    "replicas": {"enum": [0, 1]},
    "shards": {"type": "integer", "minimum": 1, "maximum": 10_000},
    "revisionHistoryLimit": {"type": "integer", "minimum": 0},
    "containerPort": _PORT,
    "extraArgs": _STRINGS,
    "dnsPolicy": {"enum": ["", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]},
    "podDisruptionBudget.maxUnavailable": {"type": ["integer", "string"]},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.port": _PORT,
    "service.nodePort": {**_PORT, "type": ["integer", "null"]},
    "service.ipFamilyPolicy": {"enum": ["", "SingleStack", "PreferDualStack", "RequireDualStack"]},
    "service.ipFamilies": {"type": "array", "items": {"enum": ["IPv4", "IPv6"]}},
    "serviceMonitor.enabled": {"enum": ["auto", True, False]},
    "prometheusRule.alerts": {"type": "object", "additionalProperties": _ALERT},
    "prometheusRule.additionalGroups": {
        "type": "array",
        "items": {"type": "object", "required": ["name", "rules"]},
    },
    "prometheusRule.thresholds": {"type": "object", "additionalProperties": _NUMBER},
    "extraManifests": {"type": "array", "items": {"type": ["object", "string"]}},
    **{f"serviceMonitor.{name}": type_ for name, type_ in _MONITOR.items()},
    **{f"podMonitor.{name}": type_ for name, type_ in _MONITOR.items() if name != "targetLabels"},
}
_TEXT_MAPPINGS: Final = ("labels", "annotations", "nodeSelector", "alertLabels")
"""Ends of the names of mappings from text to text."""


def schema_json(values: list[Value]) -> str:
    """Return values.schema.json. Unknown names are refused everywhere but inside Kubernetes' own objects.

    `null` removes a default before the schema is looked at. Required is what the templates cannot do without.
    """
    unknown = _TYPES.keys() - {value.name for value in values}
    if unknown:
        raise ValueError(f"a type for what is no value: {', '.join(sorted(unknown))}")
    root = _closed(
        {
            # What a parent chart gives each of its children.
            "enabled": {
                "type": "boolean",
                "description": "For the condition of a chart that contains this one.",
            },
        },
        **{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart pin-exporter"},
    )
    for value in values:
        group = root
        for step in value.path[:-1]:
            if step not in group["properties"]:
                group["properties"][step] = _closed({})
                group.setdefault("required", []).append(step)
            group = group["properties"][step]
        if value.default not in (None, "") and not isinstance(value.default, dict | list):
            group.setdefault("required", []).append(value.path[-1])
        group["properties"][value.path[-1]] = {**_type(value), "description": value.comment}
    # Global values are for all charts of a parent: most are not for this one.
    root["properties"]["global"]["additionalProperties"] = True
    return json.dumps(root, indent=2, ensure_ascii=False) + "\n"


def _type(value: Value) -> dict[str, Any]:
    if value.name in _TYPES:
        return _TYPES[value.name]
    if isinstance(value.default, dict):
        return (
            _TEXTS
            if value.name.lower().endswith(tuple(map(str.lower, _TEXT_MAPPINGS)))
            else {"type": "object"}
        )
    return _BY_DEFAULT[type(value.default)]


_BY_DEFAULT: Final[dict[type, dict[str, Any]]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    str: {"type": "string"},
    list: _OBJECTS,
}
