"""Generates the tables of docs/metrics.md from the metrics themselves: `make metrics`."""
