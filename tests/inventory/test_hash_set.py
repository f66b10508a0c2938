import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.inventory.hash_set import HashSet


@given(st.lists(st.text(st.characters(), max_size=3), max_size=200), st.integers(0, 5_000))
def test_it_agrees_with_a_set_on_any_strings(members: list[str], expected: int) -> None:
    distinct, plain = HashSet(expected), set[str]()
    for member in members:
        assert (member in distinct) == (member in plain)
        assert distinct.add(member) == (member not in plain)
        plain.add(member)
        assert member in distinct
        assert len(distinct) == len(plain)


@pytest.mark.parametrize("expected", [0, 10, 50_000, 10**12])
def test_it_grows_without_losing_or_inventing_members(expected: int) -> None:
    distinct = HashSet(expected)
    assert all(distinct.add(f"pin-{number}") for number in range(50_000))
    assert not any(distinct.add(f"pin-{number}") for number in range(50_000))
    assert all(f"pin-{number}" in distinct for number in range(50_000))
    assert not any(f"pin-{number}" in distinct for number in range(50_000, 100_000))
    assert len(distinct) == 50_000


@pytest.mark.parametrize("expected", [0, 25_000])
def test_a_member_takes_less_than_40_bytes_and_those_that_are_expected_none(expected: int) -> None:
    members = [f"3f9c1f0a-0000-4000-8000-{number:012}" for number in range(25_000)]
    tracemalloc.start()
    try:
        distinct = HashSet(expected)
        empty, _ = tracemalloc.get_traced_memory()
        for member in members[:expected]:
            distinct.add(member)
        full, _ = tracemalloc.get_traced_memory()
        for member in members:
            distinct.add(member)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert full - empty < 20_000
    assert most / len(members) < 40


def test_an_absurd_expectation_takes_no_absurd_memory() -> None:
    tracemalloc.start()
    try:
        HashSet(2**63 - 1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40_000_000
