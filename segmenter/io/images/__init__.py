"""Photos of any format."""
