"""Serve HTTP safely: TLS, basic auth, limits, and a web config file that is reloaded."""
