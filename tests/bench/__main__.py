"""Measure speed and memory and print a table: `make bench`."""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Final

from tests.bench import speed
from tests.bench.accounts import accounts, hanging, scrapers
from tests.bench.churn import churn
from tests.bench.concurrency import concurrency
from tests.bench.following import following
from tests.bench.result import Result

_BENCHMARKS: Final[dict[str, Callable[[], Iterator[Result]]]] = {
    "start": speed.start,
    "cpu": speed.cpu_of_a_walk,
    "scrapes": speed.scrapes_during_a_long_walk,
    "churn": churn,
    "following": following,
    "concurrency": concurrency,
    "accounts": accounts,
    "scrapers": scrapers,
    "hanging": hanging,
}
_SLOW: Final = {"following", "accounts", "scrapers", "hanging"}
"""Benchmarks that take minutes."""


def main() -> int:
    """Run the named benchmarks; by default all that take less than a minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_BENCHMARKS))
    names = parser.parse_args().names or [name for name in _BENCHMARKS if name not in _SLOW]
    if unknown := set(names) - _BENCHMARKS.keys():
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}")
    sys.stdout.write(f"{'what':72} {'measured':>14}  target\n")
    for name in names:
        for result in _BENCHMARKS[name]():
            sys.stdout.write(f"{result.what:72} {result.measured:>14}  {result.target}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
