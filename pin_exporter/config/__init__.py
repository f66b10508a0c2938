"""Read flags, environment, `.env` and config file into accounts."""
