"""Make what the documentation says of settings from the settings themselves: `make settings`."""
