"""Photos, whatever format they are stored in."""
