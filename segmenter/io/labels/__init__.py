"""Label images: our own, and those of other programs."""
