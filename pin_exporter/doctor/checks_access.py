"""Checks of network, base URL, credentials, failed requests, rate limit and speed; pure."""

from collections.abc import Iterator
from statistics import median
from typing import Final

from pin_exporter.api.status_errors import http_date
from pin_exporter.config.types import DEFAULT_BASE_URL, is_exposed
from pin_exporter.doctor.evidence import Evidence, NetworkPath, other_base_url
from pin_exporter.doctor.findings import Check, Field, Finding, ok, problem, skipped, warning
from pin_exporter.doctor.reply import Reply
from pin_exporter.toolkit.units import counted

_DAY_SECONDS: Final = 86_400
_EXPIRES_SOON_DAYS: Final = 30
_EXPIRES_NOW_DAYS: Final = 7
_SKEW_WARNING_SECONDS: Final = 5
_SKEW_PROBLEM_SECONDS: Final = 60
_SLOW_SECONDS: Final = 1.0
_SHORT_ROWS: Final = 100
_SOMETIMES_REJECTED: Final = (
    "other requests with these keys succeed: look for a proxy that drops headers, or contact AIOZ Pin"
)
_WRONG_KEYS: Final = (
    "check for typing errors, a revoked key, a key of another host, and proxies that drop headers with "
    "underscores, as nginx does without underscores_in_headers"
)
_MISSING_SCOPE: Final = (
    "create a key with the scope data.pin_list, and check that no proxy drops headers with underscores"
)
_OFTEN: Final = 0.1
"""The share of failed requests from which they are a problem."""


def check_access(evidence: Evidence) -> Iterator[Finding]:
    """Check whether and how well the API can be reached with these settings."""
    path = evidence.path
    has_response = any(reply.is_response for reply in evidence.replies)
    if path is not None:
        yield from _name(path)
        yield from _tls(path, has_response=has_response)
    if is_exposed(evidence.account.base_url, through_proxy=path is not None and path.proxy is not None):
        message = "the API keys are sent unencrypted, because base_url is plain HTTP"
        yield problem(Check.ENCRYPTION, message, "use https in base_url")
    if has_response:
        yield _clock(evidence)
    yield from _base_url(evidence)
    yield from _credentials(evidence)
    yield from _errors(evidence)
    yield from _rate_limit(evidence)
    if evidence.pages:
        yield from _speed(evidence)


def _name(path: NetworkPath) -> Iterator[Finding]:
    if path.proxy is not None:
        yield ok(Check.PROXY, f"{path.host} is reached through the proxy {path.proxy}", proxy=path.proxy)
        return
    yield ok(Check.PROXY, f"no proxy is configured for {path.host}")
    if path.resolve_error is not None:
        message = f"{path.host} cannot be resolved: {path.resolve_error}"
        yield problem(Check.DNS, message, "check base_url and DNS")
    elif path.addresses and path.addresses != (path.host,):
        yield ok(Check.DNS, f"{path.host} resolves to {', '.join(path.addresses)}")


def _tls(path: NetworkPath, *, has_response: bool) -> Iterator[Finding]:
    if path.tls_error is not None:
        message = f"the TLS handshake with {path.host} failed: {path.tls_error}"
        if has_response:
            action = (
                "other requests succeed: if this happens again, look for a server with another certificate"
            )
            yield warning(Check.TLS, message, action)
        else:
            yield problem(Check.TLS, message, "check base_url, ca_file, and proxies that inspect TLS")
    elif path.tls is not None:
        issuer = f" issued by {path.issuer}" if path.issuer else ""
        certificate = f"{path.tls}, certificate for {path.host}{issuer}"
        days = None if path.expires_at is None else (path.expires_at - path.looked_at) / _DAY_SECONDS
        if days is None:
            yield ok(Check.TLS, certificate)
            return
        message = f"{certificate}, expires in {days:.0f} days"
        renew = "ask the operator of the API or of the proxy in front of it to renew the certificate"
        if days < _EXPIRES_NOW_DAYS:
            yield problem(Check.TLS, message, renew, days=round(days))
        elif days < _EXPIRES_SOON_DAYS:
            yield warning(Check.TLS, message, renew, days=round(days))
        else:
            yield ok(Check.TLS, message, days=round(days))


def _clock(evidence: Evidence) -> Finding:
    skews: list[float] = [skew for reply in evidence.replies if (skew := _skew_seconds(reply)) is not None]
    if not skews:
        return skipped(
            Check.CLOCK, "the clock cannot be compared: the responses have no readable Date header"
        )
    # The smallest: caches send old dates, slow responses say little, a single server may be wrong.
    skew = min(skews, key=abs)
    if abs(skew) <= _SKEW_WARNING_SECONDS:
        return ok(Check.CLOCK, "the clock of this machine agrees with the API's")
    direction = "behind" if skew > 0 else "ahead of"
    report = problem if abs(skew) > _SKEW_PROBLEM_SECONDS else warning
    return report(
        Check.CLOCK,
        f"the clock of this machine is {abs(skew):.0f} s {direction} the API's, so ages are wrong",
        "synchronize the clock, with chrony or systemd-timesyncd",
        behind_seconds=round(skew),
    )


def _skew_seconds(reply: Reply) -> float | None:
    """Return how far the API's clock is ahead. The header has whole seconds, rounded down."""
    date = http_date(reply.date)
    return None if date is None else date.timestamp() + 0.5 - (reply.received_at - reply.seconds / 2)


def _base_url(evidence: Evidence) -> Iterator[Finding]:
    url, is_other = evidence.account.base_url, evidence.trial.other_base_url
    other = other_base_url(url) if is_other is not None else None
    if other and is_other:
        yield problem(
            Check.BASE_URL, f"{url} is not the API, but {other} is", f"set base_url to {other}", found=other
        )
    elif evidence.pages:
        yield ok(Check.BASE_URL, f"the API responds at {url}")
    elif any(reply.status == 404 for reply in evidence.replies):
        neither = f", nor is {other}" if other else ""
        yield problem(
            Check.BASE_URL,
            f"{url} is not the API (404){neither}",
            f"set base_url to the API's address, such as {DEFAULT_BASE_URL}",
        )


def _credentials(evidence: Evidence) -> Iterator[Finding]:
    trial, key = evidence.trial, f"the key pair (API key fingerprint {evidence.fingerprint})"
    rejected = next((reply for reply in evidence.replies if reply.status in (401, 403)), None)
    if evidence.pages:
        yield ok(Check.CREDENTIALS, f"the API accepts {key}")
        yield ok(Check.SCOPE, "the key may list pins; whether it may do more than that cannot be checked")
        return
    if rejected is None:
        yield skipped(Check.CREDENTIALS, "no response shows whether the API accepts the keys")
        return
    response = str(rejected.error).partition(f": key {evidence.fingerprint}")[0]
    if trial.swapped_keys:
        yield problem(
            Check.CREDENTIALS,
            "the API key and the secret key are swapped: the API rejects them (401) and accepts them swapped",
            "use the API key as api_key and the secret key as secret_key",
            swapped=True,
        )
    elif trial.valid_keys is False or (rejected.status == 401 and not trial.valid_keys):
        also = ", also when swapped" if trial.swapped_keys is False else ""
        yield problem(Check.CREDENTIALS, f"the API rejects {key}{also}: {response}", _WRONG_KEYS)
    else:
        if trial.valid_keys:
            yield ok(Check.CREDENTIALS, f"the API accepts {key}")
        yield problem(Check.SCOPE, f"the key may not list pins: {response}", _MISSING_SCOPE)


def _errors(evidence: Evidence) -> Iterator[Finding]:
    counting = [reply for reply in evidence.replies if not (evidence.pages and reply.is_expected_failure)]
    failed: dict[tuple[str, int | None], list[Reply]] = {}
    for reply in counting:
        if reply.error:
            failed.setdefault((reply.error.reason, reply.status), []).append(reply)
    for (reason, status), replies in failed.items():
        # These have checks of their own.
        if status == 429 or (status in (401, 403, 404) and not evidence.pages):
            continue
        detail, hint = replies[0].detail_and_hint
        message = f"{len(replies)} of {counted(len(counting), 'request')} failed: {detail}"
        fields: dict[str, Field] = {"reason": reason, "count": len(replies)}
        if status is not None:
            fields["status"] = status
        if evidence.pages and len(replies) < _OFTEN * len(counting):
            action = "the exporter retries such requests; if they become frequent, run the doctor again"
            yield warning(Check.ERRORS, message, action, **fields)
        else:
            is_key_error = status in (401, 403)
            yield problem(Check.ERRORS, message, _SOMETIMES_REJECTED if is_key_error else hint, **fields)
    if counting and not failed:
        yield ok(Check.ERRORS, f"no error in {counted(len(counting), 'request')}")


def _rate_limit(evidence: Evidence) -> Iterator[Finding]:
    limited = [number for number, reply in enumerate(evidence.replies) if reply.status == 429]
    if limited:
        before = limited[0]
        first = evidence.replies[before]
        seconds = first.began - evidence.replies[0].began
        after = f"after {counted(before, 'request')} in {seconds:.0f} s" if before else "at once"
        wait = first.retry_after_seconds
        fields: dict[str, Field] = {"count": len(limited), "before": before}
        if wait is not None:
            fields["retry_after_seconds"] = wait
        yield problem(
            Check.RATE_LIMIT,
            f"the API rejected {len(limited)} of {counted(len(evidence.replies), 'request')} as too many "
            f"(429), the first one {after}; "
            + ("it does not say how long to wait" if wait is None else f"it asks to wait {wait:.0f} s"),
            "lower requests_per_minute, or stop other programs that use this key, such as a running exporter",
            **fields,
        )
    elif evidence.pages:
        yield ok(Check.RATE_LIMIT, f"{counted(len(evidence.replies), 'request')} stayed below the rate limit")


def _speed(evidence: Evidence) -> Iterator[Finding]:
    short = [page.seconds for page in evidence.pages if page.rows <= _SHORT_ROWS]
    if short:
        middle = median(short)
        least, most = min(short), max(short)
        message = f"small pages take {middle:.2f} s (median), at least {least:.2f} s, at most {most:.2f} s"
        fields = {"median_seconds": round(middle, 3), "max_seconds": round(most, 3)}
        if middle > _SLOW_SECONDS:
            action = "check the network and proxies; if all requests to the API are slow, polls take longer"
            yield warning(Check.LATENCY, message, action, **fields)
        else:
            yield ok(Check.LATENCY, message, **fields)
    longest = max(page.seconds for page in evidence.pages)
    limit = evidence.account.request_timeout
    message = f"the slowest response took {longest:.1f} s; request_timeout is {limit:g} s"
    if longest > limit / 3:
        yield problem(Check.TIMEOUT, message, "raise request_timeout, or lower page_size")
    else:
        yield ok(Check.TIMEOUT, message)
