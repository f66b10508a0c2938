import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard, jump_hash, parse_shard_index

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)
TOTALS = st.integers(1, 200)


def shard_for(name: str, total: int) -> int:
    (owner,) = (number for number in range(total) if Shard(number, total).owns(name))
    return owner


@pytest.mark.parametrize(
    ("key", "buckets", "bucket"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_the_hash_is_the_published_one(key: int, buckets: int, bucket: int) -> None:
    assert jump_hash(key, buckets) == bucket


@given(NAMES, st.integers(1, 40))
def test_each_item_belongs_to_exactly_one_shard(name: str, total: int) -> None:
    assert 0 <= shard_for(name, total) < total


@pytest.mark.parametrize(
    ("name", "owners"),
    [("default", [0, 1, 2, 2, 2, 51]), ("production", [0, 1, 2, 2, 2, 30]), ("archive", [0, 0, 0, 0, 7, 86])],
)
def test_no_version_moves_an_item_to_another_shard(name: str, owners: list[int]) -> None:
    """The values are those of the first version: another hash would move items between shards."""
    assert [shard_for(name, total) for total in (1, 2, 3, 5, 8, 100)] == owners


@given(NAMES, TOTALS)
def test_with_one_more_shard_an_item_stays_or_goes_to_the_new_one(name: str, total: int) -> None:
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")

    assert jump_hash(key, total + 1) in (jump_hash(key, total), total)


@given(NAMES)
def test_a_single_shard_owns_everything(name: str) -> None:
    assert SINGLE_SHARD.owns(name)


@pytest.mark.parametrize(
    ("text", "index"),
    [("0", 0), (" 7\n", 7), ("some-exporter-0", 0), ("some-exporter-12", 12), ("a.b-c-3", 3), ("1-2", 2)],
)
def test_an_index_is_a_number_or_ends_the_name_of_a_pod(text: str, index: int) -> None:
    assert parse_shard_index(text) == index


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-1",
            "+1",
            "1.5",
            "one",
            "exporter",
            "exporter-",
            "exporter-5d4f8-x7k2p",
            "exporter3",
            "3-pin",
        ),
        *("some_exporter-3", "some--exporter -3", "-3", "some-exporter-03", "\u0663", "9" * 10, "True"),
    ],
)
def test_any_other_index_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number of at least 0, or a StatefulSet pod's name"):
        parse_shard_index(text)
