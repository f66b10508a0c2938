"""Refuse what a browser requests for another site.

The browser of someone who can reach the exporter is a way in for every site that it shows: by requests across
sites, or by a host name of its own that resolves to the exporter's address (DNS rebinding).
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pin_exporter.toolkit.web.limits import Refusal, Refusals

ANY_HOST: Final = "*"
_HOST: Final = re.compile(r"(?:\[([^\]]*)\]|([^:]*?)\.?)(?::[0-9]*)?")
_HEADERS: Final = {"X-Content-Type-Options": "nosniff"}


class OriginCheck:
    """Passes a request on if it is for a known host and no other site is behind it.

    Known are IP addresses, localhost, and `hosts`, in lower case. A link on another site may lead here.
    `open_paths` are not checked: programs ask for them under any name.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], open_paths: Collection[str], refusals: Refusals
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._open_paths = frozenset(open_paths)
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        problem = None if scope["path"] in self._open_paths else self._problem(scope)
        if problem is None:
            await self._app(scope, receive, send)
            return
        self._refusals[Refusal.ORIGIN] += 1
        await PlainTextResponse(f"{problem}\n", 403, _HEADERS)(scope, receive, send)

    def _problem(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if not self._is_known(host):
            return "unknown host name: add it to --web.allowed-hosts, or use localhost or an IP address"
        is_link = (
            scope["method"] == "GET"
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        is_cross_site = headers.get("sec-fetch-site") == "cross-site" and not is_link
        # Browsers send Sec-Fetch-Site only to HTTPS and localhost, but Origin with every POST.
        origin = headers.get("origin")
        if is_cross_site or (origin is not None and origin.lower().partition("://")[2] != host):
            return "requests from other sites are refused"
        return None

    def _is_known(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        name = (match[1] or match[2]) if match else ""
        return name == "localhost" or not self._hosts.isdisjoint((name, ANY_HOST)) or _is_address(name)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
