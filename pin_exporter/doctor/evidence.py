"""What a diagnosis has collected about one account, and the facts that several checks use; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pin_exporter.api.model import Phase, Pin, phase_of
from pin_exporter.config.accounts import Account
from pin_exporter.doctor.reply import Purpose, Reply
from pin_exporter.retrieval.samples import Attempt

_LIST_PATH: Final = "/pinning/pins"


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """How the API's host is reached; None is not known.

    `addresses` are those of the host, `proxy` is without its password, `tls` is the version, `expires_at`
    and `looked_at` are Unix seconds.
    """

    host: str
    proxy: str | None = None
    addresses: tuple[str, ...] = ()
    resolve_error: str | None = None
    tls: str | None = None
    tls_error: str | None = None
    issuer: str | None = None
    expires_at: float | None = None
    looked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """More requests after all others failed: whether they succeeded, None for those that were not sent.

    `valid_keys` says whether the API accepts the keys, whatever their scopes.
    """

    valid_keys: bool | None = None
    swapped_keys: bool | None = None
    other_base_url: bool | None = None


@dataclass(frozen=True, slots=True)
class IgnoredLimit:
    """A `limit` that returns `rows`, fewer than the `smaller` limit returns."""

    limit: int
    rows: int
    smaller: int


@dataclass(frozen=True, slots=True)
class FetchedSample:
    """A pinned CID, and the attempt to fetch its root block from the gateway."""

    cid: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was collected. `sample` is None without a gateway, or without a pinned pin.

    `fingerprint` is that of the API key, `requests` the number of requests. `stopped` says why they ended
    early, None if they did not.
    """

    account: Account
    fingerprint: str
    replies: Sequence[Reply]
    path: NetworkPath | None
    requests: int
    trial: Trial = Trial()
    stopped: str | None = None
    sample: FetchedSample | None = None

    @property
    def pages(self) -> list[Reply]:
        """Return the replies that are pages of the whole list, oldest first."""
        return [reply for reply in self.replies if reply.page and reply.query.pinned == "all"]

    def page(self, purpose: Purpose) -> Reply | None:
        """Return the last page for a purpose."""
        found = (reply for reply in reversed(self.replies) if reply.page and reply.query.purpose is purpose)
        return next(found, None)

    def pins(self) -> Mapping[str, Pin]:
        """Return the pins that were read, in their latest state, by id."""
        return {row.id: row for reply in self.pages if reply.page for row in reply.page.rows if row}

    def pinned_cid(self) -> str | None:
        """Return the CID of a pinned pin, None if none was read."""
        pinned = (pin for pin in self.pins().values() if pin.cid and pin.status)
        phases = ((pin.cid, phase_of(pin.status or "", pinned=pin.pinned)) for pin in pinned)
        return next((cid for cid, phase in phases if phase is Phase.PINNED), None)

    def totals_count_page(self) -> bool:
        """Return whether `totals.files` is the number of rows of the page it comes with."""
        counts = {(page.files, page.rows) for page in self.pages if page.ids}
        return len(counts) > 1 and all(files == rows for files, rows in counts)

    def page_cap(self) -> int | None:
        """Return the number of rows to which the API cuts larger pages; None if no page was cut."""
        most = max((page.rows for page in self.pages), default=0)
        for page in self.pages:
            end = page.query.offset + page.rows
            # The totals of the page itself: if the list grows, later pages start where it ended.
            cut = 0 < page.rows == most < page.query.limit and end < page.files
            if cut and self._goes_on(page, end):
                return most
        return None

    def ignored_limit(self) -> IgnoredLimit | None:
        """Return a limit that the API ignores because it is too large."""
        return next(
            (
                IgnoredLimit(page.query.limit, page.rows, other.query.limit)
                for page in self.pages
                for other in sorted(self.pages, key=lambda one: -one.query.limit)
                if page.query.limit > other.query.limit and page.query.offset == other.query.offset
                if 0 < 2 * page.rows < other.rows and page.query.offset + page.rows < page.files
            ),
            None,
        )

    def largest_limit(self) -> int:
        """Return the largest limit that returned a page, 0 if none did."""
        return max((page.query.limit for page in self.pages), default=0)

    def page_rows(self) -> int:
        """Return the number of rows that a full page of an inventory will have."""
        size, cap, first = self.account.page_size, self.page_cap(), self.page(Purpose.FIRST)
        full = [reply for reply in self.replies if reply.query.limit == size]
        if first and not any(reply.page for reply in full) and any(reply.may_be_too_much for reply in full):
            size = min(size, self.largest_limit())
        if ignored := self.ignored_limit():
            size = min(size, ignored.smaller)
        return min(size, cap) if cap else size

    def _goes_on(self, page: Reply, end: int) -> bool:
        """Return whether another page has rows from `end` on that are not in this one."""
        known = set(page.ids)
        others = [other for other in self.pages if not known.issuperset(other.ids)]
        return any(other.query.offset > end for other in others) or any(
            other.query.offset <= end < other.query.offset + other.rows for other in others
        )


def other_base_url(base_url: str) -> str | None:
    """Return the URL on the same host that is probably meant instead of this one; None if there is none."""
    if base_url.endswith(_LIST_PATH):
        return base_url.removesuffix(_LIST_PATH)
    return None if base_url.endswith("/api") else f"{base_url}/api"


def have_same_totals(replies: Sequence[Reply]) -> bool:
    """Return whether all pages have the same totals."""
    return len({reply.page.totals for reply in replies if reply.page}) <= 1
