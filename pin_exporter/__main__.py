"""The entry point: `pin-exporter`, and `python -m pin_exporter`."""

import os
import signal
import sys
import warnings


def main() -> int:
    """Run the command line and return the exit status."""
    # They are for developers. With PYTHONWARNINGS=error, one in a library would end the process.
    warnings.simplefilter("ignore")
    _open_standard_streams()
    # The first process of a container ignores SIGTERM without a handler, and the imports below take a moment.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    if sys.argv[1:2] == ["healthcheck"]:
        from pin_exporter.commands import healthcheck  # noqa: PLC0415 - must not import the rest

        return healthcheck.main(sys.argv[2:])
    from pin_exporter.commands import cli  # noqa: PLC0415 - takes a moment

    return cli.main()


def _stop(number: int, _: object) -> None:
    """Exit. Only a command that runs until it is stopped has succeeded then."""
    has_result = sys.argv[1:2] in (["once"], ["doctor"], ["healthcheck"]) or "--config.check" in sys.argv
    sys.exit(128 + number if has_result else 0)


def _open_standard_streams() -> None:
    """Open closed standard streams on /dev/null: otherwise a socket would get such a low file descriptor."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


if __name__ == "__main__":
    sys.exit(main())
