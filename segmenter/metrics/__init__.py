"""Agreement of label images with the segmentations that people drew."""
