"""Findings about the keys and the base URL; pure."""

from collections.abc import Iterator
from typing import Final

from pin_exporter.config.types import DEFAULT_BASE_URL
from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import AGAIN_WHEN_MENDED, Finding, note, ok, problem
from pin_exporter.doctor.reply import Reply, is_redirect

_NOT_FOLLOWED: Final = (
    "redirects are not followed, because the keys would go along: if that host is the API's, make it base_url"
)


def check_access(evidence: Evidence) -> Iterator[Finding]:
    """Say whether the keys are accepted, and whether base_url is right."""
    yield from _base_url(evidence)
    refused = [reply for reply in evidence.replies if reply.status == 401]
    forbidden = [reply for reply in evidence.replies if reply.status == 403]
    if evidence.good:
        yield ok("keys", f"the key pair is accepted: key {evidence.setup.fingerprint}")
        told = "the key can list pins; what else it may do cannot be seen without doing it"
        yield note("scope", told, "see that data.pin_list is its only scope")
    elif refused:
        yield _refused(evidence)
    elif not forbidden:
        told = "no answer tells whether the keys are accepted"
        yield note("keys", told, AGAIN_WHEN_MENDED)
    if forbidden and not evidence.good:
        yield problem(
            "scope",
            f"403: the key may not list pins{_told(forbidden[0])}",
            "make a key with the scope data.pin_list on this host, and see that no proxy drops headers",
        )


def _refused(evidence: Evidence) -> Finding:
    if evidence.trial.swapped_keys:
        return problem(
            "keys",
            "401: the key pair is swapped; the other way round it is accepted",
            "give the API key as api_key and the secret key as secret_key",
        )
    tried = ", nor is it the other way round" if evidence.trial.swapped_keys is False else ""
    reply = next(reply for reply in evidence.replies if reply.status == 401)
    return problem(
        "keys",
        f"401: the key pair is not accepted{tried}{_told(reply)}",
        "look for a typing error, a revoked key, a key of another host, or a proxy that drops headers with "
        "underscores, as nginx does without underscores_in_headers",
    )


def _base_url(evidence: Evidence) -> Iterator[Finding]:
    url = evidence.setup.base_url
    moved = [reply for reply in evidence.replies if is_redirect(reply)]
    if moved:
        yield _moved(evidence, moved)
    elsewhere, is_there = evidence.setup.elsewhere, evidence.trial.elsewhere
    if is_there:
        told = f"{url} is not the API's address, {elsewhere} is"
        yield problem("base_url", told, f"set base_url to {elsewhere}")
    elif evidence.good:
        yield ok("base_url", f"{url} answers as the API")
    elif any(reply.status == 404 for reply in evidence.replies):
        tried = "" if is_there is None else f", and {elsewhere} is not either"
        told = f"404: {url} is not the API's address{tried}"
        yield problem("base_url", told, f"set base_url to the API's own address, such as {DEFAULT_BASE_URL}")


def _moved(evidence: Evidence, moved: list[Reply]) -> Finding:
    target = moved[0].location or "nowhere"
    told = f"{len(moved)} of {len(evidence.replies)} requests were redirected ({moved[0].status}) to {target}"
    over_tls = evidence.over_tls()
    action = f"set base_url to {over_tls}" if over_tls else _NOT_FOLLOWED
    return problem("redirect", told, action)


def _told(reply: Reply) -> str:
    return f" ({reply.told})" if reply.told else ""
