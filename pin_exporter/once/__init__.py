"""`pin-exporter once`: poll all accounts once, write the result, and exit."""
