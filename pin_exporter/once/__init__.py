"""`pin-exporter once`: poll everything once, write down the result, and end."""
