"""All that an examination has collected about one account, and what most checks ask of it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pin_exporter.api.model import Pin
from pin_exporter.doctor.repeats import repeated
from pin_exporter.doctor.reply import Purpose, Question, Reply

_LIST_PATH: Final = "/pinning/pins"


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of the account that matter here. Durations in seconds; `fingerprint` is of the key."""

    account: str
    base_url: str
    fingerprint: str
    poll_interval: float
    requests_per_minute: int
    request_timeout: float
    page_size: int
    pages_in_flight: int
    stale_after: float | None

    @property
    def elsewhere(self) -> str | None:
        """Return where on the same host the API may be instead of at the base URL; None for nowhere."""
        if self.base_url.endswith(_LIST_PATH):
            return self.base_url.removesuffix(_LIST_PATH)
        return None if self.base_url.endswith("/api") else f"{self.base_url}/api"


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """How the API's host is reached, as far as could be seen; None is not seen.

    `addresses` are of the host, `proxy` has no password, `tls` is the version, `expires_at` Unix seconds.
    """

    host: str
    scheme: str
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
    """A single try at a refusal's cause: whether it was accepted, None where it was not tried."""

    swapped_keys: bool | None = None
    elsewhere: bool | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was collected.

    `good` are the replies that are pages, `trusted` those of them that answer their own question. `stopped`
    says why the examination ended early, None where it did not; `unanswered` what is not known for that.
    """

    setup: Setup
    replies: Sequence[Reply]
    good: Sequence[Reply]
    trusted: Sequence[Reply]
    path: NetworkPath | None
    trial: Trial
    stopped: str | None
    unanswered: tuple[Purpose, ...]

    @property
    def requests(self) -> int:
        """Return how many requests were made, trials included."""
        tried = (self.trial.swapped_keys, self.trial.elsewhere)
        return len(self.replies) + sum(outcome is not None for outcome in tried)

    @property
    def repeats(self) -> int:
        """Return how many pages were the one of the request before."""
        return len(self.good) - len(self.trusted)

    def reply(self, purpose: Purpose) -> Reply | None:
        """Return the trusted reply to the last question of this purpose."""
        return next((reply for reply in reversed(self.trusted) if reply.question.purpose == purpose), None)

    def over_tls(self) -> str | None:
        """Return the base URL of the same host to which plain HTTP is redirected; None where it is not."""
        own = urlsplit(self.setup.base_url)
        https = f"https://{own.netloc.lower().removesuffix(f':{own.port}')}"
        for reply in self.replies if own.scheme == "http" else ():
            target = (reply.location or "").removesuffix("/")
            base = target.removesuffix(_LIST_PATH)
            if base != target and f"{base}/".startswith((f"{https}/", f"{https}:")):
                return base
        return None

    def listed(self) -> list[Reply]:
        """Return the trusted pages of all pins, oldest first."""
        return [reply for reply in self.trusted if is_plain(reply.question)]

    def counts_pages(self) -> bool:
        """Return whether totals.files counts the rows of the page it comes with."""
        told = {(reply.files, reply.rows) for reply in self.listed() if reply.ids}
        return len(told) > 1 and all(files == rows for files, rows in told)

    def offsets_honoured(self, reply: Reply) -> bool:
        """Return whether no row of a page stands at another place in the list by another page."""
        places = {
            identity: other.question.offset + place
            for other in self.listed()
            if other is not reply
            for place, identity in enumerate(other.ids)
        }
        began = reply.question.offset
        return all(places.get(one, began + n) == began + n for n, one in enumerate(reply.ids))

    def pins(self) -> Mapping[str, Pin]:
        """Return every pin that was seen, as it was seen last, by id."""
        return {row.id: row for reply in self.trusted if reply.page for row in reply.page.rows if row}


def evidence_of(
    setup: Setup,
    replies: Sequence[Reply],
    *,
    path: NetworkPath | None = None,
    trial: Trial | None = None,
    stopped: str | None = None,
    unanswered: tuple[Purpose, ...] = (),
) -> Evidence:
    """Sort the replies by what they are worth."""
    good = [reply for reply in replies if reply.page]
    repeats = repeated(good)
    trusted = [reply for place, reply in enumerate(good) if place not in repeats]
    return Evidence(setup, tuple(replies), good, trusted, path, trial or Trial(), stopped, unanswered)


def is_plain(question: Question) -> bool:
    """Return whether a question is as the exporter asks: all pins, oldest first."""
    return question.pinned == "all" and question.order == "ASC"


def totals_stood_still(replies: Sequence[Reply]) -> bool:
    """Return whether all came with the same totals."""
    return len({reply.page.totals for reply in replies if reply.page}) <= 1
