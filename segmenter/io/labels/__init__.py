"""Label images: those of this package, and those of other programs."""
