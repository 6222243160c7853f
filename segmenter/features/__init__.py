"""From pixels to feature vectors."""
