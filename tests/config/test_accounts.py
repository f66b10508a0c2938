import pytest

from pin_exporter.config.accounts import shard_of_values
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard


@pytest.mark.parametrize(
    ("values", "shard"),
    [
        ({}, SINGLE_SHARD),
        ({"shard": "pod-2", "total_shards": "3"}, Shard(2, 3)),
        ({"shard": 2}, SINGLE_SHARD),
        ({"shard": "x", "total_shards": 3}, SINGLE_SHARD),
        ({"shard": "2", "total_shards": "three"}, SINGLE_SHARD),
        ({"shard": None, "total_shards": []}, SINGLE_SHARD),
    ],
)
def test_invalid_shard_settings_mean_a_single_shard(values: dict[str, object], shard: Shard) -> None:
    assert shard_of_values(values) == shard
