"""Diagnose accounts with a few API requests: what works, what does not, what to change."""
