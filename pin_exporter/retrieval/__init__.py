"""Fetches samples of what is pinned."""
