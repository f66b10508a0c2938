"""Decide when to poll, and hold what is known."""
