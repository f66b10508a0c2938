"""Prometheus exporter for AIOZ Pin, the paid IPFS pinning service."""

from typing import Final

PROGRAM: Final = "pin-exporter"
__version__ = "0.1.0"
