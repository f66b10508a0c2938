"""The status pages: how accounts are doing, for people and as JSON."""
