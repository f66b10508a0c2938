"""The metrics: what each is called, what it means, and how it follows from a snapshot."""

from typing import Final

PREFIX: Final = "aiozpin_"
EXPORTER_PREFIX: Final = PREFIX + "exporter_"
"""Prefix of the metrics of the exporter itself."""
