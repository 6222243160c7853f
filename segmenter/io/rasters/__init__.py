"""Read pictures of any size, one rectangle at a time."""
