"""The metrics: their names and their meaning."""
