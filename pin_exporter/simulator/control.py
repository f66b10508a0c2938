"""The control API: inspect and change the accounts of a running simulator over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pin_exporter.simulator.account import EVENTS, SimulatedAccount
from pin_exporter.simulator.faults import JSON, Fault, envelope

if TYPE_CHECKING:
    from pin_exporter.simulator.app import Simulator

CONTROL_HELP = """\
A running simulator is controlled over HTTP, without keys:
  GET  /control/accounts               names, totals and options of all accounts
  GET  /control/accounts/NAME/truth    exact totals of the list, counted row by row
  POST /control/accounts/NAME          change the account; the body is a JSON object with any of
    "behaviour", "churn", "faults"     objects with the options above, spelled with underscores
    "next"                             faults of the next requests, after `skip` good responses:
                                       [{"fault": NAME, "count": 1, "skip": 0}, ...]
    "insert", "complete", "fail", "unpin", "bulk_unpin", "exhaust_balance"
                                       a number of pins
    "revoked"                          true revokes the keys, false restores them
    "keys"                             {"api_key": ..., "secret_key": ...} replaces the keys
The response is the account's new state, or a 400 if nothing was changed because the request is invalid.
"""

_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Key = Annotated[str, msgspec.Meta(min_length=1)]


class _Next(msgspec.Struct, forbid_unknown_fields=True):
    fault: Fault
    count: _Count = 1
    skip: _Count = 0


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    api_key: _Key
    secret_key: _Key


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    behaviour: dict[str, Any] = {}
    churn: dict[str, Any] = {}
    faults: dict[str, Any] = {}
    next: list[_Next] = []
    insert: _Count = 0
    complete: _Count = 0
    fail: _Count = 0
    unpin: _Count = 0
    bulk_unpin: _Count = 0
    exhaust_balance: _Count = 0
    revoked: bool | None = None
    keys: _Keys | None = None


def control_routes(simulator: Simulator) -> list[Route]:
    """Return the routes of the control API."""

    async def accounts(request: Request) -> Response:
        for account in simulator.accounts.values():
            account.advance()
        return JSON([_state(account) for account in simulator.accounts.values()])

    async def truth(request: Request) -> Response:
        account = _account(simulator, request)
        account.advance()
        return JSON(account.truth().as_json())

    async def change(request: Request) -> Response:
        account = _account(simulator, request)
        try:
            wanted = msgspec.json.decode(await request.body(), type=_Change)
            account.configure(behaviour=wanted.behaviour, churn=wanted.churn, faults=wanted.faults)
        except ValueError as error:
            return envelope(400, str(error))
        _apply(simulator, account, wanted)
        return JSON(_state(account))

    return [
        Route("/control/accounts", accounts, methods=["GET"]),
        Route("/control/accounts/{name}/truth", truth, methods=["GET"]),
        Route("/control/accounts/{name}", change, methods=["POST"]),
    ]


def _account(simulator: Simulator, request: Request) -> SimulatedAccount:
    account = simulator.accounts.get(request.path_params["name"])
    if account is None:
        raise HTTPException(404)
    return account


def _apply(simulator: Simulator, account: SimulatedAccount, wanted: _Change) -> None:
    for event in EVENTS:
        account.apply(event, getattr(wanted, event))
    if wanted.keys:
        account.api_key, account.secret_key, account.revoked = *msgspec.structs.astuple(wanted.keys), False
    if wanted.revoked is not None:
        account.revoked = wanted.revoked
    for failing in wanted.next:
        simulator.fail_next(account.name, failing.fault, failing.count, skip=failing.skip)


def _state(account: SimulatedAccount) -> dict[str, Any]:
    totals = account.totals()
    return {
        "name": account.name,
        "files": totals.files,
        "size_bytes": totals.size_bytes,
        "revoked": account.revoked,
        "behaviour": account.behaviour,
        "churn": account.churn,
        "faults": account.faults,
    }
