from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.model import MAX_INTEGER, VOCABULARIES, Phase, Pin, Totals, phase_of

DOCUMENTED = {
    Phase.PINNED: "DONE pinned doneRetrieval",
    Phase.IN_PROGRESS: (
        "PENDING PROCESSING RETRIEVAL PROCESSING_RETRIEVAL queued pinning retrieval processingRetrieval"
    ),
    Phase.FAILED: "FAILED FAILED_RETRIEVE failed retrieveFailed",
    Phase.REMOVED: "unpinNormally unpinOutOfMoney gcDone",
}
PHASES = {word: phase for phase, words in DOCUMENTED.items() for word in words.split()}


def test_the_vocabularies_hold_exactly_the_documented_words() -> None:
    assert {word for words in VOCABULARIES for word in words} == set(PHASES)


@given(
    word=st.sampled_from(sorted(PHASES)),
    pinned=st.sampled_from([True, None]),
    in_case=st.sampled_from([str, str.lower, str.upper, str.swapcase]),
)
def test_a_documented_word_has_its_phase_in_any_case(
    word: str, pinned: bool | None, in_case: Callable[[str], str]
) -> None:
    assert phase_of(in_case(word), pinned=pinned) is PHASES[word]


@pytest.mark.parametrize("word", sorted(PHASES))
def test_only_a_finished_pin_that_is_not_pinned_was_removed(word: str) -> None:
    expected = Phase.REMOVED if PHASES[word] is Phase.PINNED else PHASES[word]
    assert phase_of(word, pinned=False) is expected


@given(word=st.text(), pinned=st.none() | st.booleans())
def test_a_word_never_seen_before_is_of_unknown_phase(word: str, pinned: bool | None) -> None:
    if word.lower() not in {known.lower() for known in PHASES}:
        assert phase_of(word, pinned=pinned) is Phase.UNKNOWN


def test_the_largest_integer_is_that_of_a_signed_64_bit_number() -> None:
    assert MAX_INTEGER == 9_223_372_036_854_775_807


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": ""}, "id is empty"),
        ({"id": "a", "size": -1}, "size is out of range"),
        ({"id": "a", "size": MAX_INTEGER + 1}, "size is out of range"),
        ({"id": "a", "date_pinned": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001 - that is the point
    ],
)
def test_what_no_pin_can_be_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Pin(**fields)
    Pin("a", size=MAX_INTEGER, date_pinned=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(("files", "size"), [(-1, 0), (0, -1), (MAX_INTEGER + 1, 0), (0, MAX_INTEGER + 1)])
def test_impossible_totals_are_refused(files: int, size: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Totals(files, size)
