"""Development code: what generates, draws and mutates the files that are committed elsewhere."""
