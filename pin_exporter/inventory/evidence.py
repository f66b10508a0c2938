"""What a walk has seen of the list's own movement, and what follows for its count."""

from dataclasses import dataclass, field

from pin_exporter.api.model import Totals, Verdict


@dataclass(slots=True)
class Evidence:
    """Collected page by page. `unreadable` counts rows without a usable id.

    `moved` means that rows did not stand where they were expected, `shuffled` that some of them must have
    changed places with each other, so that one may have gone where nobody looks any more.
    """

    reported: Totals = field(default_factory=lambda: Totals(0, 0))
    most_files: int = 0
    pages: int = 0
    totals_changed: bool = False
    moved: bool = False
    shuffled: bool = False
    suspected: bool = False
    unreadable: int = 0

    def report(self, totals: Totals) -> None:
        """Note the totals that came with a page."""
        self.totals_changed |= self.pages > 0 and totals != self.reported
        self.reported = totals
        self.most_files = max(self.most_files, totals.files)
        self.pages += 1

    def lost_rows(self, counted: int) -> bool:
        """Return whether rows must have been missed, given how many were counted.

        That is so when rows changed places, as those of the same time of creation may, or when there are none
        at all, while totals that stood still know of more. Once it was so, only a full count settles it.
        """
        short = counted + self.unreadable < self.reported.files
        suspect = self.moved or self.shuffled or counted + self.unreadable == 0
        self.suspected |= suspect and short and not self.totals_changed
        return self.suspected and short

    def verdict(self, counted: int) -> Verdict:
        """Return what is proven of a walk that has ended, given how many rows it counted."""
        if self.lost_rows(counted) or (self.shuffled and self.totals_changed):
            return Verdict.INCONSISTENT
        if self.moved or self.shuffled or self.totals_changed:
            return Verdict.REPAIRED
        return Verdict.CONSISTENT
