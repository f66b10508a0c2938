"""The entry point: `pin-exporter`, and `python -m pin_exporter`."""

import signal
import sys


def main() -> int:
    """Run the command line and return the exit status."""
    # A container's first process is deaf to SIGTERM without a handler, and the imports below take a moment.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.argv[1:2] == ["healthcheck"]:
        from pin_exporter import healthcheck  # noqa: PLC0415 - runs often, beside the exporter: stays small

        return healthcheck.main(sys.argv[2:])
    from pin_exporter import cli  # noqa: PLC0415 - as above

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
