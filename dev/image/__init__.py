"""Build the image without a registry: a stand-in for its base, made of Debian packages and a local Python."""
