"""A toolkit for Prometheus exporters on asyncio, whatever they monitor."""
