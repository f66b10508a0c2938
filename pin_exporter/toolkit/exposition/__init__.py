"""Turn metric families into bytes."""
