"""``segmenter evaluate``: compare label images with segmentations that people drew."""
