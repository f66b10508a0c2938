"""Read, prove and count the list of pins."""
