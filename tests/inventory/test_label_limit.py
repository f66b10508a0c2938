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
    assert all(len(label) <= MAX_WORD_LENGTH for label in labels.values())
    assert {word: admitted.label(word) for word in words} == labels


def test_the_thirty_third_word_is_other() -> None:
    words = LabelLimiter()
    assert [words.label(f"w{number}") for number in range(34)] == [
        *(f"w{number}" for number in range(32)),
        OTHER_WORD,
        OTHER_WORD,
    ]


def test_words_shown_before_come_first_and_take_up_room() -> None:
    words = LabelLimiter(f"old{number}" for number in range(31))
    assert words.label("new") == "new"
    assert words.label("newer") == OTHER_WORD
    assert words.label("old30") == "old30"


def test_known_words_take_up_no_room() -> None:
    words = LabelLimiter((f"old{number}" for number in range(32)), unlimited=KNOWN_WORDS)
    assert {words.label(word) for word in KNOWN_WORDS} == KNOWN_WORDS
    assert words.label("new") == OTHER_WORD


def test_words_for_none_and_other_take_up_no_room() -> None:
    words = LabelLimiter([NO_WORD, OTHER_WORD, *(f"old{number}" for number in range(31))])
    assert [words.label(word) for word in (None, "", NO_WORD, OTHER_WORD)] == [
        "none",
        "none",
        "none",
        "other",
    ]
    assert words.label("new") == "new"


def test_a_word_of_64_characters_is_shown_and_a_longer_one_is_not() -> None:
    assert LabelLimiter().label("x" * 64) == "x" * 64
    assert LabelLimiter().label("x" * 65) == OTHER_WORD


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


def test_words_of_both_vocabularies_show_both() -> None:
    labels = status_labels([("DONE", Phase.PINNED), ("gcDone", Phase.REMOVED)])
    assert words_in(labels) == CLASSIC.keys() | DASHBOARD.keys()


def test_an_empty_account_shows_the_newest_vocabulary() -> None:
    assert words_in(status_labels([])) == DASHBOARD.keys()


def test_words_of_no_vocabulary_show_none() -> None:
    assert status_labels([("melted", Phase.UNKNOWN)]) == {
        ("melted", Phase.UNKNOWN): ("melted", Phase.UNKNOWN)
    }


def test_known_words_push_out_unknown_ones_that_came_last() -> None:
    unknown = [(f"w{number}", Phase.UNKNOWN) for number in range(32)]
    assert words_in(status_labels(unknown)) == {word for word, _ in unknown}
    labels = status_labels([*unknown, ("DONE", Phase.PINNED)])
    assert words_in(labels) == {word for word, _ in unknown[:25]} | CLASSIC.keys() | {OTHER_WORD}


def test_words_in_another_case_show_the_whole_vocabulary_too() -> None:
    shown = status_labels([("done", Phase.PINNED)])
    assert ("FAILED", Phase.FAILED) in shown
    assert ("done", Phase.PINNED) in shown


def test_no_word_stays_no_word_however_many_others_there_are() -> None:
    seen = [(f"w{number}", Phase.UNKNOWN) for number in range(32)]
    labels = status_labels([*seen, ("DONE", Phase.PINNED), ("none", Phase.UNKNOWN)])
    assert labels["none", Phase.UNKNOWN] == ("none", Phase.UNKNOWN)
