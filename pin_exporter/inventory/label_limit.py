"""Limit the label values that come from the API, and keep their series stable."""

from collections.abc import Collection, Iterable
from typing import Final

from pin_exporter.api.model import VOCABULARIES, Phase
from pin_exporter.toolkit.display_text import escaped

NO_WORD: Final = "none"
OTHER_WORD: Final = "other"
MAX_WORDS: Final = 32
MAX_WORD_LENGTH: Final = 64
KNOWN_WORDS: Final = frozenset(word for words in VOCABULARIES for word in words)

Status = tuple[str, Phase]
"""The values of the labels `status` and `phase`."""


class LabelLimiter:
    """Admits the first 32 words, and all of `unlimited`; others become `other`.

    So do words that are too long, and words with invisible characters: some readers of metrics take them for
    line ends, and terminals for commands.
    """

    def __init__(self, admitted: Iterable[str] = (), *, unlimited: Collection[str] = ()) -> None:
        self._free = {*unlimited, NO_WORD, OTHER_WORD}
        self._admitted = set(admitted) - self._free

    def label(self, word: str | None) -> str:
        """Return the label for a word: itself, `other`, or `none` for no word."""
        if not word:
            return NO_WORD
        if word in self._free or word in self._admitted:
            return word
        is_label = len(word) <= MAX_WORD_LENGTH and escaped(word) == word
        if not is_label or len(self._admitted) >= MAX_WORDS:
            return OTHER_WORD
        self._admitted.add(word)
        return word


def status_labels(seen: Iterable[Status]) -> dict[Status, Status]:
    """Return the labels to show for those seen, and for every other word of the same vocabulary.

    A series must not disappear with its last pin. At most 32 words remain, known ones first; the others
    become `other`, each with its phase, so that a failed pin counts as failed whatever its status word is.
    """
    labels = dict.fromkeys(seen)
    words = dict.fromkeys(word for word, _ in labels)
    filled = _vocabularies_of(words)
    known = {word for word, _ in filled} | (words.keys() & KNOWN_WORDS)
    unknown = [word for word in words if word not in known and word not in (NO_WORD, OTHER_WORD)]
    folded = set(unknown[MAX_WORDS - len(known) - (NO_WORD in words) :])
    return {status: status for status in filled} | {
        (word, phase): (OTHER_WORD if word in folded else word, phase) for word, phase in labels
    }


def _vocabularies_of(words: Collection[str]) -> list[Status]:
    """Return all labels of the vocabularies that the words belong to; without words, of the newest one.

    A finished word has two labels, because `pinned: false` makes the pin a removed one.
    """
    exact = [vocabulary for vocabulary in VOCABULARIES if not vocabulary.keys().isdisjoint(words)]
    lowered = {word.lower() for word in words}
    alike = [v for v in VOCABULARIES if not lowered.isdisjoint(word.lower() for word in v)]
    return [
        status
        for vocabulary in exact or alike or (() if words else VOCABULARIES[-1:])
        for word, phase in vocabulary.items()
        for status in ((word, phase), (word, Phase.REMOVED if phase is Phase.PINNED else phase))
    ]
