"""Findings about the way to the API: name, proxy, TLS, clock; pure."""

from collections.abc import Iterator
from typing import Final

from pin_exporter.api.status_errors import http_date
from pin_exporter.config.types import is_exposed
from pin_exporter.doctor.evidence import Evidence, NetworkPath
from pin_exporter.doctor.findings import Finding, note, ok, problem
from pin_exporter.doctor.reply import Reply

_BETWEEN: Final = ("via", "server")
_MAX_NAMES: Final = 6
_DAY_SECONDS: Final = 86_400
_EXPIRES_SOON_DAYS: Final = 30
_EXPIRES_NOW_DAYS: Final = 7
_SKEW_NOTED_SECONDS: Final = 5
_SKEW_WRONG_SECONDS: Final = 60


def check_path(evidence: Evidence) -> Iterator[Finding]:
    """Say how the host is reached, and whether that is safe."""
    path = evidence.path
    if path is not None:
        yield from _name(path)
        yield from _tls(path, reached=any(reply.status for reply in evidence.replies))
    through_proxy = path is not None and path.proxy is not None
    if is_exposed(evidence.setup.base_url, through_proxy=through_proxy):
        told = "keys are sent without encryption: base_url is plain HTTP"
        yield problem("encryption", told, "set base_url to https")
    if any(reply.status for reply in evidence.replies):
        yield _clock(evidence)
    headers = [reply.headers for reply in evidence.replies]
    between = {one[name] for one in headers for name in _BETWEEN if name in one}
    if between:
        yield ok("server", f"answers come by way of {', '.join(sorted(between)[:_MAX_NAMES])}")


def _name(path: NetworkPath) -> Iterator[Finding]:
    if path.proxy is not None:
        told = f"{path.host} is reached through the proxy {path.proxy}"
        yield note("proxy", told, "if keys are refused, check that the proxy keeps headers with underscores")
        return
    yield ok("proxy", "no proxy is set for this host")
    if path.resolve_error is not None:
        told = f"{path.host} has no address: {path.resolve_error}"
        yield problem("name", told, "check base_url and DNS")
    elif path.addresses and path.addresses != (path.host,):
        yield ok("name", f"{path.host} is {', '.join(path.addresses)}")


def _tls(path: NetworkPath, *, reached: bool) -> Iterator[Finding]:
    if path.scheme != "https" or path.proxy is not None:
        return
    if path.tls_error is not None:
        told = f"the certificate could not be looked at: {path.tls_error}"
        if reached:
            yield note("tls", told, "requests do get through: the exporter uses other CA certificates")
        else:
            yield problem("tls", told, "check base_url, ca_file, and what stands in between")
        return
    if path.tls is None:
        return
    issued = f", by {path.issuer}" if path.issuer else ""
    left = (path.expires_at - path.looked_at) / _DAY_SECONDS if path.expires_at else None
    until = "" if left is None else f", valid for {left:.0f} days"
    told = f"{path.tls}, a certificate for {path.host}{issued}{until}"
    if left is not None and left < _EXPIRES_NOW_DAYS:
        yield problem("tls", told, "whoever runs the host, or a proxy before it, has to renew it now")
    elif left is not None and left < _EXPIRES_SOON_DAYS:
        yield note("tls", told, "see that it is renewed in time")
    else:
        yield ok("tls", told)


def _clock(evidence: Evidence) -> Finding:
    skews = [skew for reply in evidence.replies if (skew := _skew_seconds(reply)) is not None]
    if not skews:
        told = "the answers carry no Date that can be read: the clocks cannot be compared"
        return note("clock", told, "see that a time service such as chrony runs on this machine")
    # The smallest: caches send old dates, slow answers tell little, a single server may be wrong.
    skew = min(skews, key=abs)
    way = "behind" if skew > 0 else "ahead of"
    told = f"this machine's clock is {abs(skew):.0f} s {way} the API's"
    if abs(skew) > _SKEW_WRONG_SECONDS:
        return problem("clock", told, "set the clock: ages of data and of pins come out wrong")
    if abs(skew) > _SKEW_NOTED_SECONDS:
        return note("clock", told, "run a time service such as chrony or systemd-timesyncd")
    return ok("clock", "this machine's clock agrees with the API's")


def _skew_seconds(reply: Reply) -> float | None:
    """Return how much later it is there. The header tells whole seconds, cut off."""
    there = http_date(reply.headers.get("date", ""))
    return None if there is None else there.timestamp() + 0.5 - (reply.at - reply.seconds / 2)
