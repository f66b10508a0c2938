"""A toolkit for Prometheus exporters on asyncio; it knows no pin and no account."""
