"""Run the simulator: `python -m pin_exporter.simulator`."""

import sys

from pin_exporter.simulator.command import main

if __name__ == "__main__":
    sys.exit(main())
