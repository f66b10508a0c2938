"""Makes the JSON Schema of the configuration file from the settings: `make schema`."""
