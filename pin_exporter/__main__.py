"""Run the command line as `python -m pin_exporter`."""

import sys

from pin_exporter.cli import main

sys.exit(main())
