import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.sharding import ALONE, Shard, jump_hash, ordinal, shard_of_values

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)
TOTALS = st.integers(1, 200)
MANY = [f"account-{number}" for number in range(4_000)]


def shard_for(name: str, total: int) -> int:
    (owner,) = (number for number in range(total) if Shard(number, total).owns(name))
    return owner


@pytest.mark.parametrize(
    ("key", "buckets", "bucket"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_the_hash_is_the_one_that_others_have_too(key: int, buckets: int, bucket: int) -> None:
    assert jump_hash(key, buckets) == bucket


@given(NAMES, st.integers(1, 40))
def test_each_account_belongs_to_exactly_one_shard(name: str, total: int) -> None:
    assert 0 <= shard_for(name, total) < total


@pytest.mark.parametrize(
    ("name", "owners"),
    [("default", [0, 1, 2, 2, 2, 51]), ("production", [0, 1, 2, 2, 2, 30]), ("archive", [0, 0, 0, 0, 7, 86])],
)
def test_no_version_moves_an_account_to_another_shard(name: str, owners: list[int]) -> None:
    """These were written down once: another hash would make all shards poll other accounts."""
    assert [shard_for(name, total) for total in (1, 2, 3, 5, 8, 100)] == owners


@given(NAMES, TOTALS)
def test_with_one_shard_more_an_account_stays_or_goes_to_the_new_one(name: str, total: int) -> None:
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")

    assert jump_hash(key, total + 1) in (jump_hash(key, total), total)


def test_one_shard_more_moves_its_part_and_no_more() -> None:
    moved = sum(shard_for(name, 4) != shard_for(name, 5) for name in MANY)

    assert 0.17 < moved / len(MANY) < 0.23


def test_shards_get_equally_many_accounts_or_nearly() -> None:
    counted = Counter(shard_for(name, 8) for name in MANY)

    assert sorted(counted) == list(range(8))
    assert min(counted.values()) > 430
    assert max(counted.values()) < 570


@given(NAMES)
def test_alone_a_shard_owns_everything(name: str) -> None:
    assert ALONE.owns(name)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        (" 7\n", 7),
        ("pin-exporter-0", 0),
        ("pin-exporter-12", 12),
        ("a.b-c-3", 3),
        ("1-2", 2),
    ],
)
def test_a_shard_is_given_by_number_or_by_the_name_of_its_pod(text: str, number: int) -> None:
    assert ordinal(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "+1", "1.5", "one", "pin-exporter", "pin-exporter-", "pin-exporter-5d4f8-x7k2p"),
        *("pin-exporter3", "3-pin", "pin_exporter-3", "pin--exporter -3", "-3", "pin-exporter-03", "٣"),
        *("9" * 10, "True"),
    ],
)
def test_other_names_and_numbers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a number from 0 on, or the name of a StatefulSet's pod"):
        ordinal(text)


@pytest.mark.parametrize(
    ("values", "shard"),
    [
        ({}, ALONE),
        ({"shard": "pod-2", "total_shards": "3"}, Shard(2, 3)),
        ({"shard": 2}, ALONE),
        ({"shard": "x", "total_shards": 3}, ALONE),
        ({"shard": "2", "total_shards": "three"}, ALONE),
        ({"shard": None, "total_shards": []}, ALONE),
    ],
)
def test_unchecked_settings_that_make_no_sense_leave_every_account_to_be_checked(
    values: dict[str, object], shard: Shard
) -> None:
    assert shard_of_values(values) == shard
