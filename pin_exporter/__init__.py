"""Prometheus exporter for AIOZ Pin, the paid IPFS pinning service."""

__version__ = "0.1.0"
