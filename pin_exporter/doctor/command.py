"""Run `pin-exporter doctor`: diagnose the configured accounts and print a report."""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pin_exporter import PROGRAM
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.transport import default_context
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.config.accounts import Account, accounts_of
from pin_exporter.config.dotenv import NO_ENV_FILE, EnvFile
from pin_exporter.config.loader import load_with_sources
from pin_exporter.config.names import add_setting_flags, flags_given, unknown_variables
from pin_exporter.doctor.diagnosis import Diagnosis, diagnose
from pin_exporter.doctor.evidence import FetchedSample
from pin_exporter.doctor.findings import Finding
from pin_exporter.doctor.network import look_at_path
from pin_exporter.doctor.probe import MAX_REQUESTS, collect
from pin_exporter.doctor.report import WIDEST, as_json, as_text
from pin_exporter.doctor.requests import MAX_TIMEOUT_SECONDS, senders_for
from pin_exporter.retrieval.gateway import Gateway
from pin_exporter.toolkit.clock import Clock, SystemClock
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.output import (
    ProgressLine,
    check_standard_output,
    print_error,
    write_standard_output,
)
from pin_exporter.toolkit.signals import run_until_stopped

_CLOSED_PIPE: Final = 130
"""The exit status of a command that is interrupted: the reader has closed the pipe."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_setting_flags(parser, ("config_file",))
    parser.add_argument(
        "--account", metavar="NAME", dest="doctor_account", help="Diagnose this account only."
    )
    parser.add_argument("--verbose", action="store_true", help="Show the checks that passed as well.")
    parser.add_argument("--json", action="store_true", help="Print the complete report as one JSON object.")
    parser.epilog = (
        f"Read-only: sends at most {MAX_REQUESTS} requests per account, at the rate of requests_per_minute,\n"
        "and one to its gateway_url.\n"
        "exit status: 0 no problem found, 1 problems found, 2 invalid configuration or output error,\n"
        "129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM"
    )


def run(parsed: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    status = run_doctor(
        flags_given(parsed),
        parsed.env_file,
        name=parsed.doctor_account,
        json=parsed.json,
        verbose=parsed.verbose,
    )
    for variable, problem in unknown_variables().items():
        print_error(PROGRAM, f"{variable}: {problem}")
    return status


def run_doctor(
    flags: Mapping[str, object],
    env_file: EnvFile = NO_ENV_FILE,
    *,
    name: str | None,
    json: bool,
    verbose: bool = False,
) -> int:
    """Diagnose all accounts, or the named one; return 1 if a problem was found, else 0.

    `flags` are settings given on the command line. Text is written account by account, so that an
    interruption does not lose what is complete. Raises SettingsError for an invalid configuration and an
    unknown name, OutputError if the report cannot be written, and SystemExit when stopped by a signal.
    """
    check_standard_output()
    settings, sources = load_with_sources(flags, env_file)
    accounts = accounts_of(settings, sources=sources)
    chosen = [account for account in accounts if name in (None, account.name)]
    if not chosen:
        names = ", ".join(account.name for account in accounts)
        raise SettingsError([f"--account: unknown account: use one of {names}"])
    width = shutil.get_terminal_size((WIDEST, 0)).columns

    def write(diagnosis: Diagnosis) -> None:
        if not json:
            write_standard_output(as_text(diagnosis, verbose=verbose, width=width))

    try:
        diagnoses = run_until_stopped(_diagnose_all(chosen, write))
        if json:
            write_standard_output(as_json(diagnoses))
    except BrokenPipeError:
        return _CLOSED_PIPE
    return int(any(diagnosis.problems for diagnosis in diagnoses))


async def _diagnose_all(accounts: Sequence[Account], write: Callable[[Diagnosis], None]) -> list[Diagnosis]:
    clock, line, diagnoses = SystemClock(), ProgressLine(), []
    async with HttpClients() as clients:
        # One after the other: accounts may share a key and its rate limit.
        for account in accounts:

            def show(request: int, name: str = account.name) -> None:
                line.show(f"diagnosing {name}: request {request} of at most {MAX_REQUESTS}")

            try:
                diagnoses.append(await diagnose_account(account, clients, clock, show))
            finally:
                line.erase()
            write(diagnoses[-1])
    return diagnoses


async def diagnose_account(
    account: Account, clients: HttpClients, clock: Clock, progress: Callable[[int], None] = lambda _: None
) -> Diagnosis:
    """Diagnose one account. Raises SettingsError for a URL that cannot be used."""
    credentials = account.credentials.current
    timeout = min(account.request_timeout, MAX_TIMEOUT_SECONDS)
    timeouts = Timeouts(timeout, account.connect_timeout, account.read_timeout)
    pool = clients.for_url(account.base_url, account.route)

    senders = senders_for(account.base_url, pool, credentials, timeouts, clock)
    path = await look_at_path(
        account.base_url,
        clock,
        timeout,
        proxy=account.route.proxy_for(account.base_url),
        context=account.route.files.context(default_context),
    )
    fingerprint = credentials().fingerprint
    evidence = await collect(senders, account, clock, fingerprint=fingerprint, path=path, progress=progress)
    cid = evidence.pinned_cid()
    if account.gateway_url and cid:
        gateway_pool = clients.for_url(account.gateway_url, account.gateway_route)
        gateway = Gateway(gateway_pool, account.gateway_url, timeouts, account.gateway_token)
        evidence = replace(evidence, sample=FetchedSample(cid, await gateway.fetch(cid)))
    return _redacted(diagnose(evidence), credentials().redact)


def _redacted(diagnosis: Diagnosis, redact: Callable[[str], str]) -> Diagnosis:
    """Return the diagnosis with all texts free of keys and control characters, as a last resort."""

    def clean(text: str) -> str:
        redacted = redact(text)
        return redacted if redacted.isprintable() else one_line(redacted)

    def cleaned(finding: Finding) -> Finding:
        fields = {
            name: clean(value) if isinstance(value, str) else value for name, value in finding.fields.items()
        }
        return replace(finding, message=clean(finding.message), action=clean(finding.action), fields=fields)

    return replace(diagnosis, findings=tuple(map(cleaned, diagnosis.findings)))
