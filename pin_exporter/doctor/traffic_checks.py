"""Findings about the requests: how many failed and how, how long they took, what they weigh; pure."""

from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Final

from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import Finding, note, ok, problem
from pin_exporter.doctor.limit_checks import is_trial
from pin_exporter.doctor.rate_headers import is_rate_header
from pin_exporter.doctor.reply import Reply, is_redirect
from pin_exporter.toolkit.units import counted

_SLOW_SECONDS: Final = 1.0
_JITTER_SECONDS: Final = 0.5
_SHORT_ROWS: Final = 100
_OFTEN: Final = 0.1
_PAGES_OF_ROWS: Final = 10


def check_traffic(evidence: Evidence) -> Iterator[Finding]:
    """Say how reliable, how fast and how thrifty the way there and back is."""
    yield from _troubles(evidence)
    yield from _rate_limit(evidence)
    if evidence.good:
        yield from _latency(evidence)
        yield _compression(evidence)


def _troubles(evidence: Evidence) -> Iterator[Finding]:
    asked = [reply for reply in evidence.replies if not (evidence.good and is_trial(reply))]
    total = len(asked)
    troubles = Counter(reply.trouble for reply in asked if reply.trouble)
    for trouble, count in troubles.items():
        example = next(reply for reply in asked if reply.trouble == trouble)
        if _is_told_elsewhere(example, evidence):
            continue

        said = f": {example.told}" if example.told else ""
        told = f"{count} of {total} requests: {trouble}{said}"
        if count < _OFTEN * total and evidence.good:
            yield note("errors", told, "the exporter tries such requests again")
        else:
            yield problem("errors", told, _advice(example))
    if total and not troubles:
        yield ok("errors", f"all {counted(total, 'request')} were answered")
    if evidence.repeats:
        told = f"{evidence.repeats} of {total} requests were answered with the page of the request before"
        yield problem("repeats", told, "look for a cache or proxy in between; walks take longer or fail")


def _is_told_elsewhere(reply: Reply, evidence: Evidence) -> bool:
    """Return whether a failure has a finding of its own: about the limit, redirects, keys or base_url."""
    status = reply.status or 0
    return status == 429 or is_redirect(reply) or (status in (401, 403, 404) and not evidence.good)


def _advice(reply: Reply) -> str:
    if reply.reason == "timeout":
        return "check firewalls and proxies; if it is large pages that are slow, lower page_size"
    if reply.reason is not None:
        return reply.hint
    if reply.status in (401, 403):
        return "the same keys are accepted at times: ask the service, or look for a proxy that drops headers"
    if reply.status is not None and reply.status >= 500:
        return "the service has a problem: if it lasts, ask AIOZ Pin"
    return "check that base_url is the API's own address, and what stands in between"


def _rate_limit(evidence: Evidence) -> Iterator[Finding]:
    limited = [reply for reply in evidence.replies if reply.status == 429]
    if limited:
        first = limited[0]
        before = evidence.replies.index(first)
        minutes = (first.began - evidence.replies[0].began) / 60
        pace = f" within {60 * minutes:.0f} s" if before else ""
        told = (
            f"429, too many requests: {len(limited)} of {len(evidence.replies)}, the first after {before} "
            f"requests{pace}; {_retry_after(first)}"
        )
        yield problem(
            "rate_limit",
            told,
            "lower requests_per_minute, or find what else uses this key: an exporter does",
        )
    # A proxy's answers, and those that never came, have none.
    headers = next(filter(None, map(_rate_headers, reversed(evidence.replies))), "")
    if headers:
        told = f"the API tells of its limit: {headers}"
        yield note("rate_headers", told, "keep requests_per_minute below it: others may use the key as well")
    elif evidence.good:
        yield ok("rate_headers", "the API sends no headers about a limit")
    if evidence.good and not limited:
        yield ok("rate_limit", f"{len(evidence.replies)} requests met no limit")


def _rate_headers(reply: Reply) -> str:
    shown = (f"{name}: {value}" for name, value in sorted(reply.headers.items()) if is_rate_header(name))
    return ", ".join(shown)


def _retry_after(reply: Reply) -> str:
    header = reply.headers.get("retry-after")
    if header is None:
        return "it does not say when to come back (no Retry-After)"
    if reply.retry_after_seconds is None:
        return f"its Retry-After cannot be read: {header}"
    form = "seconds" if header.strip().isdigit() else "a date"
    return f"its Retry-After, {form}, asks for {reply.retry_after_seconds:.0f} s"


def _latency(evidence: Evidence) -> Iterator[Finding]:
    short = [reply.seconds for reply in evidence.good if reply.rows <= _SHORT_ROWS]
    if short:
        middle, least, most = median(short), min(short), max(short)
        told = f"short answers take {middle:.2f} s, the quickest {least:.2f} s, the slowest {most:.2f} s"
        slow = middle > _SLOW_SECONDS
        yield note("latency", told, "nothing: polls take longer for it") if slow else ok("latency", told)
        if most - least > max(_JITTER_SECONDS, middle / 2):
            told = f"the time of short answers varies by {most - least:.1f} s"
            yield note("jitter", told, "nothing, as long as requests do not time out")
    longest = max(reply.seconds for reply in evidence.good)
    limit = evidence.setup.request_timeout
    if longest > limit / 3:
        told = f"an answer took {longest:.1f} s, of {limit:g} s that request_timeout allows"
        yield problem("timeout", told, "raise request_timeout, or lower page_size")


def _compression(evidence: Evidence) -> Finding:
    weighed = max(evidence.good, key=lambda reply: reply.rows)
    row = weighed.body_bytes / max(1, weighed.rows)
    told = (
        f"a row takes {row:.0f} bytes"
        if weighed.rows >= _PAGES_OF_ROWS
        else "there are too few rows to weigh"
    )
    if "gzip" in weighed.headers.get("content-encoding", ""):
        return ok("compression", f"answers are compressed on the way; {told} unpacked")
    return ok("compression", f"answers are not compressed; {told}")
