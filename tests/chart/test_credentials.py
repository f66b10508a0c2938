import base64
from typing import Any

import pytest

from tests.chart.helm import SECRET, Helm, HelmError, config_of, container, has, only, pod, workload


def sources(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is mounted as keys."""
    (volume,) = (volume for volume in pod(objects)["volumes"] if volume["name"] == "credentials")
    found: list[dict[str, Any]] = [source["secret"] for source in volume["projected"]["sources"]]
    return found


def test_keys_in_the_values_become_a_secret_that_is_mounted(each_helm: Helm) -> None:
    accounts = [
        {"name": "a", "apiKey": "key-a", "secretKey": "secret-a"},
        {"name": "B.c", "apiKey": "key-b", "secretKey": "secret-b"},
    ]
    objects = each_helm.template({"accounts": accounts})
    data = only(objects, "Secret")["data"]
    decoded = {name: base64.b64decode(value).decode() for name, value in data.items()}
    assert decoded == {
        "a.api-key": "key-a",
        "a.secret-key": "secret-a",
        "B.c.api-key": "key-b",
        "B.c.secret-key": "secret-b",
    }
    mounted = {item["path"]: decoded[item["key"]] for source in sources(objects) for item in source["items"]}
    assert mounted == {
        "a/api-key": "key-a",
        "a/secret-key": "secret-a",
        "B.c/api-key": "key-b",
        "B.c/secret-key": "secret-b",
    }
    assert {source["name"] for source in sources(objects)} == {"rel-pin-exporter"}


def test_an_existing_secret_is_mounted_under_the_names_it_has_inside(helm: Helm) -> None:
    accounts = [
        {"name": "a", "existingSecret": "one"},
        {"name": "b", "existingSecret": "two", "keys": {"apiKey": "k"}},
    ]
    values = {"accounts": accounts, "credentials": {"keys": {"apiKey": "key", "secretKey": "secret"}}}
    objects = helm.template(values)
    assert not has(objects, "Secret")
    assert sources(objects) == [
        {
            "name": "one",
            "items": [{"key": "key", "path": "a/api-key"}, {"key": "secret", "path": "a/secret-key"}],
        },
        {
            "name": "two",
            "items": [{"key": "k", "path": "b/api-key"}, {"key": "secret", "path": "b/secret-key"}],
        },
    ]


def test_a_gateway_token_is_mounted_beside_the_keys_and_may_be_missing(each_helm: Helm) -> None:
    accounts = [
        {"name": "a", "existingSecret": "one", "keys": {"gatewayToken": "token"}},
        {"name": "b", "apiKey": "k", "secretKey": "s", "gatewayToken": "made-up-token"},
        {"name": "c", "existingSecret": "one"},
    ]
    objects = each_helm.template({"accounts": accounts, "config": {"gateway_url": "https://g"}})
    assert [source for source in sources(objects) if "token" in str(source)] == [
        {"name": "one", "items": [{"key": "token", "path": "a/gateway-token"}], "optional": True},
        {
            "name": "rel-pin-exporter",
            "items": [{"key": "b.gateway-token", "path": "b/gateway-token"}],
            "optional": True,
        },
    ]
    assert base64.b64decode(only(objects, "Secret")["data"]["b.gateway-token"]) == b"made-up-token"
    assert config_of(objects).count("gateway_token_file") == 2
    assert "made-up-token" not in config_of(objects)


def test_keys_in_files_need_no_secret_and_no_volume(each_helm: Helm) -> None:
    objects = each_helm.template({"credentials": FILES})
    assert 'api_key_file: "/vault/a"\n' in config_of(objects)
    assert 'secret_key_file: "/vault/s"\n' in config_of(objects)
    assert [volume["name"] for volume in pod(objects)["volumes"]] == ["config"]
    assert [mounted["name"] for mounted in container(objects)["volumeMounts"]] == ["config"]
    assert not has(objects, "Secret")


def test_accounts_with_files_stand_beside_those_with_secrets(each_helm: Helm) -> None:
    files = {"name": "b", **FILES, "gatewayToken": "made-up-token"}
    values = {"accounts": [ONE, files, {"name": "c", **FILES}], "config": {"gateway_url": "https://g"}}
    objects = each_helm.template(values)
    items = [item["path"] for source in sources(objects) for item in source["items"]]
    assert items == ["a/api-key", "a/secret-key", "b/gateway-token"]
    assert only(objects, "Secret")["data"].keys() == {"b.gateway-token"}


def test_the_token_of_the_service_account_is_mounted_only_where_it_is_wanted(each_helm: Helm) -> None:
    def mounted(values: dict[str, Any]) -> list[bool]:
        objects = each_helm.template({**SECRET, **values})
        specs = (pod(objects), only(objects, "ServiceAccount"), only(objects, "Pod")["spec"])
        return [spec["automountServiceAccountToken"] for spec in specs]

    assert mounted({}) == [False, False, False]
    assert mounted({"automountServiceAccountToken": True}) == [True, False, False]
    assert mounted({"serviceAccount": {"automountServiceAccountToken": True}}) == [False, True, False]


def test_what_is_null_in_an_account_is_left_out(each_helm: Helm) -> None:
    nothing = dict.fromkeys(("apiKey", "secretKey", "gatewayToken", "apiKeyFile", "secretKeyFile"))
    no_keys = dict.fromkeys(("apiKey", "secretKey", "gatewayToken"))
    no_cids = dict.fromkeys(("cids", "existingConfigMap", "existingSecret", "key"))
    empty = {"keys": None, "config": None, "expectedCids": None}
    first = {"name": "a", "existingSecret": "one", **nothing, **empty}
    second = {"name": "b", "existingSecret": None, "apiKey": "k", "secretKey": "s", "keys": no_keys}
    third = {
        "name": "c",
        "existingSecret": "one",
        "keys": {"apiKey": "key", "secretKey": None},
        "expectedCids": no_cids,
    }
    plain = [
        {"name": "a", "existingSecret": "one"},
        {"name": "b", "apiKey": "k", "secretKey": "s"},
        {"name": "c", "existingSecret": "one", "keys": {"apiKey": "key"}},
    ]
    rendered = each_helm.template({"accounts": [first, second, third]})
    assert rendered == each_helm.template({"accounts": plain})


def test_the_demonstration_mounts_nothing(helm: Helm) -> None:
    objects = helm.template({"demo": {"enabled": True}})
    assert "volumes" not in pod(objects)
    assert not has(objects, "Secret")
    assert not has(objects, "ConfigMap")


def test_new_keys_restart_nothing_and_new_settings_do(helm: Helm) -> None:
    def template(key: str, **config: str) -> object:
        values = {"credentials": {"apiKey": key, "secretKey": key}, "config": config}
        return workload(helm.template(values))["template"]

    assert template("one") == template("two")
    assert template("one") != template("one", poll_interval="5m")


ONE = {"name": "a", "existingSecret": "s"}
FILES = {"apiKeyFile": "/vault/a", "secretKeyFile": "/vault/s"}
GATEWAY = {"gateway_url": "https://g", "gateway_token_file": "/t"}
CIDS_ALONE = {"credentials": {"existingSecret": "s", "expectedCids": {"existingConfigMap": "c"}}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "no account: set credentials.existingSecret, or "),
        ({"credentials": {"apiKey": "a"}}, "credentials: set existingSecret, or apiKey and secretKey"),
        ({"credentials": {"secretKey": "a"}}, "credentials: set existingSecret, or apiKey and secretKey"),
        (
            {"credentials": {"existingSecret": "s", "apiKey": "a", "secretKey": "b"}},
            "credentials: existingSecret and keys are both set",
        ),
        ({"credentials": {"existingSecret": "s", "account": "a b"}}, "credentials: the name must have"),
        ({**SECRET, "accounts": [ONE]}, "credentials and accounts are both set"),
        ({**SECRET, "demo": {"enabled": True}}, "demo.enabled serves simulated accounts"),
        ({"accounts": [ONE], "demo": {"enabled": True}}, "demo.enabled serves simulated accounts"),
        ({"accounts": [ONE, ONE]}, "accounts[1] (a): duplicate name"),
        ({"accounts": [{"existingSecret": "s"}]}, "accounts[0] (unnamed): the name must have 1 to 63"),
        ({"accounts": [{**ONE, "name": "../a"}]}, "accounts[0] (../a): the name must have 1 to 63"),
        ({"accounts": [{**ONE, "name": "a" * 64}]}, "the name must have 1 to 63"),
        ({"accounts": [{"name": "a"}]}, "accounts[0] (a): set existingSecret, or apiKey and secretKey"),
        ({"accounts": [{**ONE, "apiKey": "k"}]}, "accounts[0] (a): existingSecret and keys are both set"),
        (
            {"accounts": [{**ONE, "gatewayToken": "t"}]},
            "accounts[0] (a): existingSecret and keys are both set",
        ),
        ({"accounts": [{**ONE, "keys": {"gatewayToken": "t"}}]}, "(a): the gateway token requires a gateway"),
        (
            {"credentials": {**SECRET["credentials"], "keys": {"gatewayToken": "t"}}},
            "credentials: the gateway token requires a gateway: set gateway_url in config",
        ),
        (
            {"accounts": [{**ONE, "keys": {"gatewayToken": "t"}, "config": GATEWAY}]},
            "(a): the gateway token and gateway_token_file in config are both set",
        ),
        ({"accounts": [{**ONE, **FILES}]}, "accounts[0] (a): apiKeyFile or secretKeyFile is set as well as"),
        (
            {"accounts": [{"name": "a", "apiKey": "k", "secretKeyFile": "/s"}]},
            "accounts[0] (a): apiKeyFile or secretKeyFile is set as well as existingSecret or keys",
        ),
        (
            {"credentials": {"apiKeyFile": "/k"}},
            "credentials: set existingSecret, or apiKey and secretKey, or apiKeyFile and secretKeyFile",
        ),
        ({"accounts": [ONE], "credentials": FILES}, "credentials and accounts are both set"),
        ({"demo": {"enabled": True}, "credentials": FILES}, "demo.enabled serves simulated accounts"),
        (
            {"accounts": [ONE], "credentials": {"expectedCids": {"existingSecret": "s"}}},
            "credentials and accounts are both set",
        ),
        (
            {"accounts": [{**ONE, "expectedCids": {"cids": ["c"], "existingSecret": "s"}}]},
            "accounts[0] (a): cids and existingSecret of expectedCids are both set",
        ),
        (
            {**CIDS_ALONE, "config": {"expected_cids_file": "/a"}},
            "credentials: expectedCids and expected_cids_file in config are both set",
        ),
        (
            {"credentials": {"expectedCids": {"cids": "c"}}},
            "credentials: set existingSecret, or apiKey and secretKey",
        ),
    ],
)
def test_what_is_wrong_with_the_keys_is_one_sentence(helm: Helm, values: dict[str, Any], told: str) -> None:
    with pytest.raises(HelmError) as error:
        helm.template(values)
    (line,) = (line for line in str(error.value).splitlines() if "execution error" in line)
    assert told in line
