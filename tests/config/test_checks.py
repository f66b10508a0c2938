from collections.abc import Iterator
from pathlib import Path

import pytest

from pin_exporter.api.proxy_tls import TlsFiles
from pin_exporter.config.checks import joint_problems
from pin_exporter.config.settings import Settings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        ({"total_shards": 1}, []),
        ({"shard": 0, "total_shards": 1}, []),
        ({"shard": 2, "total_shards": 3}, []),
        ({"total_shards": 3}, [("total_shards", "is given without shard: say which of 3 this is, 0 to 2")]),
        ({"shard": 0}, [("shard", "is given without total_shards: say how many shards there are")]),
        (
            {"shard": 3, "total_shards": 3},
            [("shard", "must be less than total_shards: 3 shards count from 0 to 2")],
        ),
    ],
)
def test_number_and_total_of_shards_must_fit(given: dict[str, int], told: list[tuple[str, str]]) -> None:
    settings = Settings.model_validate(given)
    assert list(joint_problems(settings)) == [((name,), problem) for name, problem in told]


def test_a_shard_looks_at_no_certificate_of_an_account_that_belongs_to_another() -> None:
    entry = {"name": "production", "api_key": "k", "secret_key": "s", "ca_file": "/nowhere/ca.pem"}
    settings = {"accounts": [entry], "total_shards": 3}
    looked = [
        list(joint_problems(Settings.model_validate({**settings, "shard": number}))) for number in range(3)
    ]
    assert [len(problems) for problems in looked] == [0, 0, 1]


def test_files_that_many_accounts_share_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[TlsFiles] = []
    problems = TlsFiles.problems

    def look(files: TlsFiles) -> Iterator[tuple[str, str]]:
        looked.append(files)
        return problems(files)

    monkeypatch.setattr(TlsFiles, "problems", look)
    entries = [{"name": f"a{number}", "api_key": "k", "secret_key": "s"} for number in range(9)]
    settings = Settings.model_validate({"accounts": entries, "ca_file": "/nowhere/ca.pem"})
    (problem,) = joint_problems(settings)
    assert problem == (("ca_file",), "cannot read the file: No such file or directory")
    assert looked == [TlsFiles(Path("/nowhere/ca.pem"))]
