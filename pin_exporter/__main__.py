"""The entry point: `pin-exporter`, and `python -m pin_exporter`."""

import os
import signal
import sys


def main() -> int:
    """Run the command line and return the exit status."""
    _take_standard_descriptors()
    # A container's first process is deaf to SIGTERM without a handler, and the imports below take a moment.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    if sys.argv[1:2] == ["healthcheck"]:
        from pin_exporter.commands import healthcheck  # noqa: PLC0415 - runs often, beside the exporter

        return healthcheck.main(sys.argv[2:])
    from pin_exporter.commands import cli  # noqa: PLC0415 - as above

    return cli.main()


def _stop(number: int, _: object) -> None:
    """End without a word; not as if all were well where that was the question."""
    is_asked = sys.argv[1:2] in (["once"], ["doctor"], ["healthcheck"]) or "--config.check" in sys.argv
    sys.exit(128 + number if is_asked else 0)


def _take_standard_descriptors() -> None:
    """Leave nothing closed that a connection would be opened as, on which the loop aborts, or written to."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


if __name__ == "__main__":
    sys.exit(main())
