"""Check the checks: break the dashboard and the rules in one place at a time, and see a test fail."""
