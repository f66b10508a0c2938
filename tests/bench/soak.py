"""Run simulator and exporter under faults and churn, and check the exporter's memory: `make soak`.

Ends with 1 if resident memory grows by more than the target after the first minute.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.processes import RunningExporter, exporter, simulator

TARGET_MB: Final = 2.0
_WARM_UP_SECONDS: Final = 60.0
_SAMPLE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 5
_FAULTS: Final = (
    "too_many_requests",
    "server_error",
    "bad_gateway",
    "unauthorized",
    "forbidden",
    "not_found",
    "redirect",
    "error_envelope",
    "truncated_json",
    "not_json",
    "slow_body",
    "black_hole",
    "dropped_connection",
    "duplicate_page",
)
_FAULT_SHARE: Final = 0.05
_CHURN: Final = (
    "--insert-rate=60",
    "--complete-rate=50",
    "--fail-rate=5",
    "--unpin-rate=40",
    "--bulk-unpin-rate=1",
    "--max-pins=2500",
)
_ACCOUNTS: Final = (
    "small:pins=300",
    "kept:pins=2000,in_progress_share=0.05,failed_share=0.02,removed_share=0.05",
    "dropped:pins=2000,in_progress_share=0.05,unpinned_rows=drop,vocabulary=2023",
)


class Sample(NamedTuple):
    """The exporter's process at one time; `polls` and `failures` are the totals of all accounts."""

    seconds: float
    resident_mb: float
    descriptors: int
    threads: int
    series: int
    polls: int
    failures: int


def main() -> int:
    """Run, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to run (default: 10)")
    seconds = 60 * parser.parse_args().minutes
    if seconds < _WARM_UP_SECONDS + 2 * _SAMPLE_SECONDS:
        parser.error("too short: there must be two samples after the first minute")
    _say(f"{'seconds':>8} {'RSS MB':>8} {'fds':>5} {'threads':>8} {'series':>7} {'polls':>7} {'failed':>7}")
    samples = []
    for sample in soak(seconds):
        samples.append(sample)
        _say(
            f"{sample.seconds:8.0f} {sample.resident_mb:8.2f} {sample.descriptors:5} {sample.threads:8} "
            f"{sample.series:7} {sample.polls:7} {sample.failures:7}"
        )
    warm = [sample for sample in samples if sample.seconds >= _WARM_UP_SECONDS]
    grown = warm[-1].resident_mb - warm[0].resident_mb
    met = grown < TARGET_MB
    _say(
        f"RSS grew by {grown:.2f} MB in {warm[-1].seconds - warm[0].seconds:.0f} s after the first minute, "
        f"target < {TARGET_MB:g} MB: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


def soak(seconds: float) -> Iterator[Sample]:
    """Poll three changing accounts while 5 % of the requests fail, and sample the exporter."""
    rate = _FAULT_SHARE / len(_FAULTS)
    faults = [f"--{fault.replace('_', '-')}-rate={rate}" for fault in _FAULTS]
    accounts = [f"--account={account}" for account in _ACCOUNTS]
    options = (*accounts, *_CHURN, *faults, "--requests-per-minute=0", "--retry-after-seconds=1")
    with tempfile.TemporaryDirectory() as directory, simulator(*options) as simulated:
        config = Path(directory) / "config.yml"
        limits = {"request_timeout": "2s", "requests_per_minute": 1_200, "page_size": 100}
        config.write_text(simulated.config(poll_interval=f"{_POLL_SECONDS}s", **limits))
        began = time.monotonic()
        with exporter({}, f"--config.file={config}") as exported:
            due = began + _SAMPLE_SECONDS
            while due <= began + seconds:
                time.sleep(max(0.0, due - time.monotonic()))
                yield _sample(exported, time.monotonic() - began)
                due += _SAMPLE_SECONDS


def _sample(exported: RunningExporter, seconds: float) -> Sample:
    exported.metrics("application/openmetrics-text;version=1.0.0")
    lines = [line for line in exported.metrics().split("\n") if line and not line.startswith("#")]
    process = Path(f"/proc/{exported.process.popen.pid}")
    return Sample(
        seconds=seconds,
        resident_mb=exported.process.memory_bytes() / 1e6,
        descriptors=sum(1 for _ in (process / "fd").iterdir()),
        threads=sum(1 for _ in (process / "task").iterdir()),
        series=len(lines),
        polls=_sum(lines, "aiozpin_polls_total{"),
        failures=_sum(lines, "aiozpin_poll_failures_total{"),
    )


def _sum(lines: list[str], prefix: str) -> int:
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(prefix)))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
