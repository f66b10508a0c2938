"""Reading a list of expected CIDs, and comparing pins with it."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.model import Phase
from pin_exporter.inventory.expected import (
    MAX_NAMED_LINES,
    BadLine,
    Comparison,
    ExpectedState,
    cid_hash,
    pin_hash,
    read_expected,
)
from tests.inventory.test_cid import V0, V1, spellings

CIDS = [spellings(b"\x01\x55\x12\x20" + bytes([number]) * 32)[1] for number in range(12)]


def others(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize(
    "text",
    [
        f"{CIDS[0]}\n{CIDS[1]}",
        f"\ufeff{CIDS[0]}\r\n{CIDS[1]}\r\n",
        f"# mine\n\n   \n\t{CIDS[0]} recursive\n{CIDS[1]}\t# a comment\n#{CIDS[2]}\n",
        f"{CIDS[1]}\n{CIDS[0]}\n{CIDS[1].upper()}\n",
        json.dumps(CIDS[:2]),
        "\ufeff \n" + json.dumps(CIDS[:2], indent=2) + "\n\n",
    ],
)
def test_the_first_word_of_a_line_counts_or_a_json_array(text: str) -> None:
    expected = read_expected(text.splitlines(keepends=True))
    assert list(expected.hashes) == sorted(map(cid_hash, CIDS[:2]))
    assert expected.bad_lines == ()


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "[]", " [ ] \n"])
def test_a_list_may_be_empty(text: str) -> None:
    expected = read_expected(text.splitlines(keepends=True))
    assert (len(expected), expected.bad_line_count) == (0, 0)


def test_lines_that_contain_no_cid_are_named_and_counted() -> None:
    lines = [CIDS[0], "nonsense", "", *["x"] * MAX_NAMED_LINES, CIDS[1]]
    expected = read_expected(lines)
    assert len(expected) == 2
    assert expected.bad_line_count == MAX_NAMED_LINES + 1
    assert [line.number for line in expected.bad_lines] == [2, *range(4, 3 + MAX_NAMED_LINES)]
    assert read_expected([json.dumps(["", CIDS[0]])]).bad_lines == (
        BadLine(1, "not letters and digits, or too long"),
    )


def test_an_array_that_begins_below_another_line_is_a_line_without_a_cid() -> None:
    expected = read_expected([CIDS[0], json.dumps(CIDS[1:2])])
    assert (len(expected), expected.bad_line_count) == (1, 1)


@pytest.mark.parametrize(
    "text", ["[", "[1]", '["a"', '["a",]', '["a" "b"]', '["a"] x', '[["a"]]', "[" * 100_000]
)
def test_an_array_of_anything_but_strings_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match="not a JSON array of strings, at character"):
        read_expected([text])
    with pytest.raises(ValueError, match=r"at character 5$"):
        read_expected(['["a" "b"]'])


def test_the_best_pin_of_a_cid_decides_and_pinned_cids_that_are_not_expected_are_counted_once() -> None:
    comparison = Comparison(read_expected(CIDS[:6]))
    pins = {
        CIDS[0]: [Phase.FAILED, Phase.PINNED, Phase.REMOVED],
        CIDS[1]: [Phase.FAILED, Phase.IN_PROGRESS],
        CIDS[2]: [Phase.REMOVED, Phase.FAILED],
        CIDS[3]: [Phase.REMOVED],
        CIDS[4]: [Phase.UNKNOWN, Phase.FAILED],
        CIDS[7]: [Phase.PINNED, Phase.PINNED],
        CIDS[8]: [Phase.IN_PROGRESS],
        "not a CID": [Phase.PINNED],
    }
    for cid, phases in pins.items():
        for phase in phases:
            comparison.add(pin_hash(cid), phase)
    result = comparison.result()
    assert result.by_state == dict.fromkeys(ExpectedState, 1)
    assert result.unexpected == 2
    states = [result.state_of(cid_hash(cid)) for cid in CIDS[:7]]
    assert states == ["pinned", "in_progress", "failed", "removed", "unknown", "missing", None]


def test_cids_to_pin_again_are_spelled_as_in_their_file_each_once() -> None:
    lines = [f"{CIDS[0]} recursive\n", "nonsense\n", f"{CIDS[1].upper()}\n", f"{CIDS[1]}\n"]
    lines += [f"{cid}\n" for cid in CIDS[2:6]]
    comparison = Comparison(read_expected(lines))
    phases = (Phase.PINNED, None, Phase.FAILED, Phase.REMOVED, Phase.IN_PROGRESS, Phase.UNKNOWN)
    for cid, phase in zip(CIDS, phases, strict=False):
        if phase:
            comparison.add(cid_hash(cid), phase)
    result = comparison.result()
    assert list(result.to_pin([*lines, CIDS[7]])) == [CIDS[1].upper(), CIDS[2], CIDS[3]]
    assert result.not_held == 3


def test_the_spelling_of_a_pin_does_not_matter() -> None:
    comparison = Comparison(read_expected([V0]))
    comparison.add(pin_hash(V1), Phase.PINNED)
    assert comparison.result().by_state[ExpectedState.PINNED] == 1


@given(st.lists(st.integers(0, 11)), st.lists(st.tuples(st.integers(0, 11), st.sampled_from(Phase))))
def test_each_expected_cid_has_one_state(expected: list[int], pins: list[tuple[int, Phase]]) -> None:
    comparison = Comparison(
        read_expected(random.choice(spellings(b"\x01\x55\x12\x20" + bytes([n]) * 32)) for n in expected)
    )
    for number, phase in pins:
        comparison.add(pin_hash(CIDS[number]), phase)
    result = comparison.result()
    assert sum(result.by_state.values()) == len(set(expected))
    assert result.by_state[ExpectedState.MISSING] == len(set(expected) - {number for number, _ in pins})
    pinned = {number for number, phase in pins if phase is Phase.PINNED}
    assert result.by_state[ExpectedState.PINNED] == len(set(expected) & pinned)
    assert result.unexpected == len(pinned - set(expected))
