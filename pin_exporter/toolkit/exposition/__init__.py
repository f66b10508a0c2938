"""From metric families to bytes, for exporters with many targets."""
