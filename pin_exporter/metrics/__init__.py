"""The metrics: what each is called, what it means, and how it follows from a snapshot."""

from typing import Final

PREFIX: Final = "aiozpin_"
EXPORTER_PREFIX: Final = PREFIX + "exporter_"
"""Prefix of the metrics of the exporter itself."""


def cached(text: str, series: str) -> str:
    """Return a HELP text that also names the series which shows the age of the data, without its prefix."""
    return f"{text} Cached since {PREFIX}{series}."
