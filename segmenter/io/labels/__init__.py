"""Read and write label images of this package, and read those of other programs."""
