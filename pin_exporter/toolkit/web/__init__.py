"""Serve HTTP safely: TLS, passwords, limits, and a configuration that is read again."""
