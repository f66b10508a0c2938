"""Run `pin-exporter doctor`: examine the accounts that are configured, and print what was found."""

import argparse
import os
import shutil
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pin_exporter.api.client import PinClient
from pin_exporter.api.credentials import Credentials, ReloadingCredentials
from pin_exporter.api.transport import HttpClients
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.config.accounts import Account, accounts_of
from pin_exporter.config.loader import load_settings
from pin_exporter.doctor.asking import MAX_TIMEOUT_SECONDS, asking, swapped
from pin_exporter.doctor.diagnosis import Diagnosis, diagnose
from pin_exporter.doctor.evidence import Setup
from pin_exporter.doctor.examination import Asking, examine
from pin_exporter.doctor.network import look_at_path
from pin_exporter.doctor.plan import MAX_REQUESTS
from pin_exporter.doctor.report import WIDEST, as_json, as_text
from pin_exporter.toolkit.clock import Clock, SystemClock
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.output import check_standard_output, is_terminal, write_standard_output
from pin_exporter.toolkit.signals import run_until_stopped

_NOT_WANTED: Final = 130
"""As if it was interrupted, by a reader that has seen enough."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the doctor's own flags."""
    parser.add_argument("--account", metavar="NAME", dest="doctor_account", help="Examine this account only.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    parser.epilog = (
        f"Reads, and changes nothing: at most {MAX_REQUESTS} requests an account, at the pace of "
        "requests_per_minute.\n"
        "exit statuses: 0 no problem, 1 a problem, 2 wrong settings or a report that cannot be written,\n"
        "129, 130 and 143 hung up, interrupted and terminated"
    )


def run_doctor(flags: Mapping[str, object], *, name: str | None, json: bool) -> int:
    """Examine the accounts, or the one named; return 1 if a problem was found, else 0.

    `flags` are settings given as such. Text is written account by account, so that what was found is not lost
    where a later one takes long. Raises SettingsError for wrong settings, for a name that there is not, for
    keys or URLs that cannot be used, OutputError where the report cannot be written, and SystemExit on a
    signal that asks to stop.
    """
    check_standard_output()
    accounts = list(accounts_of(load_settings(flags)))
    chosen = [account for account in accounts if name in (None, account.name)]
    if not chosen:
        names = ", ".join(account.name for account in accounts)
        raise SettingsError([f"--account: no account is called so: the names are {names}"])
    colour = is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size((WIDEST, 0)).columns

    def tell(diagnosis: Diagnosis) -> None:
        if not json:
            write_standard_output(as_text(diagnosis, colour=colour, width=width))

    try:
        diagnoses = run_until_stopped(_examined(chosen, tell))
        if json:
            write_standard_output(as_json(diagnoses))
    except BrokenPipeError:
        return _NOT_WANTED
    return int(any(diagnosis.problems for diagnosis in diagnoses))


async def _examined(accounts: Sequence[Account], tell: Callable[[Diagnosis], None]) -> list[Diagnosis]:
    clock = SystemClock()
    diagnoses = []
    async with HttpClients() as clients:
        # One after the other: accounts may share a key, and with it the limit of its requests.
        for account in accounts:
            try:
                diagnoses.append(await examined(account, clients, clock, _progress(account.name)))
            finally:
                if is_terminal(sys.stderr):
                    sys.stderr.write("\r\x1b[K")
                    sys.stderr.flush()
            tell(diagnoses[-1])
    return diagnoses


async def examined(
    account: Account, clients: HttpClients, clock: Clock, progress: Callable[[int], None]
) -> Diagnosis:
    """Examine one account. Raises SettingsError for a key or a URL that cannot be used."""
    try:
        credentials = ReloadingCredentials(
            account.api_key,
            account.secret_key,
            account=account.name,
            elapsed=clock.elapsed,
            others=account.route.secrets(),
        )
    except ValueError as error:
        raise SettingsError([f"account {account.name}: {error}"]) from None
    timeout = min(account.request_timeout, MAX_TIMEOUT_SECONDS)
    timeouts = Timeouts(timeout, account.connect_timeout, account.read_timeout)
    pool = clients.for_url(account.base_url, account.route)

    def api(base_url: str, source: Callable[[], Credentials] = credentials) -> PinClient:
        return PinClient(pool, base_url, source, timeouts)

    setup = _setup(account, credentials().fingerprint)
    ways = Asking(
        asking(api(account.base_url), credentials, clock),
        asking(api(account.base_url, swapped(credentials)), credentials, clock),
        asking(api(setup.elsewhere), credentials, clock) if setup.elsewhere else None,
    )
    path = await look_at_path(
        account.base_url,
        clock,
        timeout,
        proxy=account.route.proxy_for(account.base_url),
        context=account.route.files.context(ssl.create_default_context),
    )
    evidence = await examine(ways, setup, clock, path=path, progress=progress)
    return _safe(diagnose(evidence), credentials().redact)


def _setup(account: Account, fingerprint: str) -> Setup:
    return Setup(
        account=account.name,
        base_url=account.base_url,
        fingerprint=fingerprint,
        poll_interval=account.poll_interval,
        requests_per_minute=account.requests_per_minute,
        request_timeout=account.request_timeout,
        page_size=account.page_size,
        pages_in_flight=account.pages_in_flight,
        stale_after=account.stale_after,
    )


def _safe(diagnosis: Diagnosis, redact: Callable[[str], str]) -> Diagnosis:
    """Return the diagnosis with every text free of keys and control characters, once more at the very end."""

    def clean(text: str) -> str:
        redacted = redact(text)
        return redacted if redacted.isprintable() else one_line(redacted)

    findings = tuple(
        replace(finding, what=clean(finding.what), action=clean(finding.action))
        for finding in diagnosis.findings
    )
    return replace(diagnosis, findings=findings)


def _progress(account: str) -> Callable[[int], None]:
    """Return what shows on a terminal how far the examination is, and nowhere else."""
    if not is_terminal(sys.stderr):
        return lambda _: None

    def show(requests: int) -> None:
        sys.stderr.write(f"\rexamining {account}: request {requests} of at most {MAX_REQUESTS} \x1b[K")
        sys.stderr.flush()

    return show
