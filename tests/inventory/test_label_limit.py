import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.model import VOCABULARIES, Phase, phase_of
from pin_exporter.inventory.label_limit import (
    KNOWN_WORDS,
    MAX_WORD_LENGTH,
    MAX_WORDS,
    NO_WORD,
    OTHER_WORD,
    LabelLimiter,
    status_labels,
)

WORDS = st.text(st.characters(), max_size=70) | st.sampled_from(
    ["x" * 64, "x" * 65, NO_WORD, OTHER_WORD, "DONE"]
)
SEEN = st.lists(st.tuples(WORDS | st.sampled_from(sorted(KNOWN_WORDS)), st.sampled_from(Phase)), max_size=80)
CLASSIC, DASHBOARD = VOCABULARIES
MADE_UP = [f"w{number}" for number in range(32)]


def words_in(labels: dict[tuple[str, Phase], tuple[str, Phase]]) -> set[str]:
    return {word for word, _ in labels.values()}


def test_the_bounds_are_those_of_the_metric_contract() -> None:
    assert (MAX_WORDS, OTHER_WORD, NO_WORD) == (32, "other", "none")


@given(st.lists(WORDS, max_size=100))
def test_no_more_than_32_words_are_admitted_and_the_same_word_gets_the_same_label(words: list[str]) -> None:
    admitted = LabelLimiter()
    labels = {word: admitted.label(word) for word in words}
    assert len(set(labels.values()) - {OTHER_WORD, NO_WORD}) <= 32
    assert all(label in (word or NO_WORD, OTHER_WORD) for word, label in labels.items())
    assert all(len(label) <= MAX_WORD_LENGTH and label.isprintable() for label in labels.values())
    assert {word: admitted.label(word) for word in words} == labels


OLD = [f"old{number}" for number in range(31)]


@pytest.mark.parametrize(
    ("admitted", "words"),
    [
        pytest.param([], {"x" * 64: "x" * 64, "x" * 65: "other"}, id="length"),
        pytest.param(
            [],
            dict.fromkeys(
                ("a\x1b[31m", "\x7f", "a\tb", "a\x85b", "a\u2028b", "a\u202eb", "\u200b", " "), "other"
            ),
            id="invisible",
        ),
        pytest.param([], {word: word for word in ("固定 済み", 'a"b\\c', "\U0001f600")}, id="visible"),
        pytest.param(OLD, {"new": "new", "newer": "other", "old30": "old30"}, id="admitted before"),
        pytest.param(
            ["none", "other", *OLD],
            {None: "none", "": "none", "none": "none", "other": "other", "new": "new"},
            id="no word and other take up no room",
        ),
        pytest.param(
            [*OLD, "older"],
            {**{word: word for word in KNOWN_WORDS}, "new": "other"},
            id="known words take up no room",
        ),
    ],
)
def test_a_word_is_shown_as_long_as_there_is_room(admitted: list[str], words: dict[str | None, str]) -> None:
    limiter = LabelLimiter(admitted, unlimited=KNOWN_WORDS)
    assert {word: limiter.label(word) for word in words} == words


@given(SEEN)
def test_at_most_32_statuses_are_shown_each_in_its_phase(seen: list[tuple[str, Phase]]) -> None:
    labels = status_labels(seen)
    assert len(words_in(labels) - {OTHER_WORD}) <= 32
    assert set(seen) <= labels.keys()
    assert all(shown[1] is phase for (_, phase), shown in labels.items())
    assert all(shown[0] in (word, OTHER_WORD) for (word, _), shown in labels.items())


@given(SEEN)
def test_a_known_word_is_always_shown_as_itself(seen: list[tuple[str, Phase]]) -> None:
    labels = status_labels(seen)
    assert all(labels[word, phase] == (word, phase) for word, phase in seen if word in KNOWN_WORDS)


@given(SEEN)
def test_what_is_shown_goes_on_being_shown(seen: list[tuple[str, Phase]]) -> None:
    shown = list(dict.fromkeys(status_labels(seen).values()))
    assert list(dict.fromkeys(status_labels(shown).values())) == shown


@given(st.sampled_from(VOCABULARIES), st.data())
def test_one_word_of_a_vocabulary_shows_all_of_it(vocabulary: dict[str, Phase], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(sorted(vocabulary)))
    labels = status_labels([(word, vocabulary[word])])
    assert words_in(labels) == vocabulary.keys()
    assert set(labels.values()) == {
        (word, phase_of(word, pinned=pinned)) for word in vocabulary for pinned in (True, False)
    }


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        ([], DASHBOARD.keys()),
        (["DONE", "gcDone"], CLASSIC.keys() | DASHBOARD.keys()),
        (["done"], {"done"} | CLASSIC.keys()),
        (["melted"], {"melted"}),
        (MADE_UP, set(MADE_UP)),
        ([*MADE_UP, "DONE"], {*MADE_UP[:25], OTHER_WORD} | CLASSIC.keys()),
        ([*MADE_UP, "DONE", NO_WORD], {*MADE_UP[:24], NO_WORD, OTHER_WORD} | CLASSIC.keys()),
    ],
)
def test_known_words_bring_their_vocabulary_and_push_out_unknown_ones_that_came_last(
    seen: list[str], shown: set[str]
) -> None:
    assert words_in(status_labels([(word, Phase.UNKNOWN) for word in seen])) == shown
