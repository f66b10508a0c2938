"""Examine a real account in at most 30 requests, and say what was found."""
