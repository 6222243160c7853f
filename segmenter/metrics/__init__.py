"""Agreement of label images with segmentations drawn by people."""
