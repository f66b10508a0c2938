"""Make `python -m pin_exporter.simulator` run the simulator."""

import sys

from pin_exporter.simulator.command import main

if __name__ == "__main__":
    sys.exit(main())
