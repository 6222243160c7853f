"""Pictures larger than memory, read one window at a time."""
