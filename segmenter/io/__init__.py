"""Everything that touches the file system, and nothing else does."""
