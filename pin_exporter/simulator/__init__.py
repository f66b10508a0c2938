"""A simulated AIOZ Pin list API, for tests in the same process, `pin-exporter simulate` and the demo."""
