"""Find, read and atomically write files of any kind, local and remote."""
