"""Expected CIDs: where they are mounted, and that the exporter follows their changes."""

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chart.helm import SECRET, Helm, config_of, container, has, only, pod, workload
from tests.chart.test_configuration import MOUNTED, mount
from tests.support.processes import free_port, running, simulator, wait_for

CIDS = [
    "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
    "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n",
]


def cid_sources(objects: list[dict[str, Any]]) -> Any:
    """Return what is mounted as expected CIDs."""
    (volume,) = (volume for volume in pod(objects)["volumes"] if volume["name"] == "expected-cids")
    return volume["projected"]["sources"]


def credentials(**expected: Any) -> dict[str, Any]:
    """Return the values for one account with these expected CIDs."""
    return {"credentials": {**SECRET["credentials"], "expectedCids": expected}}


@pytest.mark.parametrize(
    "cids", [CIDS, "\n".join(CIDS), "\n".join(CIDS) + "\n"], ids=["list", "text", "file"]
)
def test_cids_in_the_values_become_a_file_of_a_config_map(each_helm: Helm, cids: object) -> None:
    objects = each_helm.template(credentials(cids=cids))
    found = only(objects, "ConfigMap", "-expected-cids")
    assert found["data"] == {"default.txt": "".join(f"{cid}\n" for cid in CIDS)}
    items = [{"key": "default.txt", "path": "default.txt"}]
    source = {"name": found["metadata"]["name"], "items": items, "optional": True}
    assert cid_sources(objects) == [{"configMap": source}]
    assert f'expected_cids_file: "{MOUNTED}/expected-cids/default.txt"' in config_of(objects)


def test_a_text_arrives_as_it_is(each_helm: Helm, tmp_path: Path) -> None:
    text = f'  # "a": b\n\t{CIDS[0]}  name\n\n["x"]\n'
    (tmp_path / "cids.txt").write_text(text)
    from_file = f"--set-file=credentials.expectedCids.cids={tmp_path / 'cids.txt'}"
    data = only(each_helm.template(SECRET, from_file), "ConfigMap", "-expected-cids")["data"]
    assert data == {"default.txt": text}


def test_each_account_has_a_list_of_its_own(each_helm: Helm) -> None:
    accounts = [
        {"name": "a", "existingSecret": "s", "expectedCids": {"existingConfigMap": "one"}},
        {"name": "B.c", "existingSecret": "s", "expectedCids": {"existingSecret": "two", "key": "k"}},
        {"name": "d", "existingSecret": "s", "expectedCids": {"cids": CIDS, "key": "not used"}},
        {"name": "e", "existingSecret": "s", "expectedCids": {"cids": []}},
    ]
    values = {"accounts": accounts, "credentials": {"expectedCids": {"key": "all.txt"}}}
    objects = each_helm.template(values)
    ours = only(objects, "ConfigMap", "-expected-cids")
    assert ours["data"].keys() == {"d.txt"}
    expected = [
        ("configMap", "one", "all.txt", "a.txt"),
        ("secret", "two", "k", "B.c.txt"),
        ("configMap", ours["metadata"]["name"], "d.txt", "d.txt"),
    ]
    assert cid_sources(objects) == [
        {kind: {"name": name, "items": [{"key": key, "path": path}], "optional": True}}
        for kind, name, key, path in expected
    ]
    assert config_of(objects).count("expected_cids_file") == 3


def test_without_expected_cids_nothing_is_mounted(helm: Helm) -> None:
    objects = helm.template(SECRET)
    assert "expected" not in str([objects, config_of(objects)])
    assert not has([found for found in objects if "-expected" in str(found)], "ConfigMap")


def test_new_cids_restart_nothing_and_the_first_ones_do(each_helm: Helm) -> None:
    def template(**expected: Any) -> object:
        return workload(each_helm.template(credentials(**expected)))["template"]

    assert template(cids=CIDS) == template(cids=CIDS[:1]) == template(cids="c")
    assert template() != template(cids=CIDS)


def test_the_exporter_polls_without_the_list_and_reads_it_once_it_is_there(
    helm: Helm, tmp_path: Path
) -> None:
    """The directory is filled as kubelet does: a link to a directory, which is replaced."""
    with simulator() as simulated:
        name, variables = next(iter(simulated.keys.items()))
        values = {
            "accounts": [{"name": name, "existingSecret": "s", "expectedCids": {"cids": CIDS}}],
            "containerPort": free_port(),
            "config": {"base_url": simulated.base_url, "poll_interval": "1s"},
        }
        objects = helm.template(values)
        keys = {
            "api-key": variables["PIN_EXPORTER_API_KEY"],
            "secret-key": variables["PIN_EXPORTER_SECRET_KEY"],
        }
        mount(objects, tmp_path, keys)
        mounted = tmp_path / "expected-cids"
        (mounted / f"{name}.txt").unlink()
        (mounted / f"{name}.txt").symlink_to(Path("..data") / f"{name}.txt")
        arguments = [argument.replace(MOUNTED, str(tmp_path)) for argument in container(objects)["args"]]
        url = f"http://127.0.0.1:{values['containerPort']}/metrics"

        def publish(version: str, cids: list[str]) -> None:
            (mounted / version).mkdir()
            (mounted / version / f"{name}.txt").write_text("\n".join(cids))
            (mounted / "..new").symlink_to(version)
            (mounted / "..new").rename(mounted / "..data")

        def shown(line: str) -> bool:
            return line in httpx.get(url).text

        with running([sys.executable, "-m", "pin_exporter", *arguments]) as process:
            process.wait_for_line("event=expected_cids_unreadable")
            wait_for(lambda: shown(f'aiozpin_up{{account="{name}"}} 1.0'), "a poll")
            missing = f'aiozpin_expected_cids{{account="{name}",state="missing"}}'
            publish("..1", CIDS)
            wait_for(lambda: shown(f"{missing} 2.0"), "the first list")
            publish("..2", CIDS[:1])
            wait_for(lambda: shown(f"{missing} 1.0"), "the second list")
