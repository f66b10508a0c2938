"""Fuzzing with Hypothesis: external input must cause nothing but our own exceptions."""
