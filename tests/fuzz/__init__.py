"""What comes from outside, made up by Hypothesis: nothing but our own errors may come of it."""
