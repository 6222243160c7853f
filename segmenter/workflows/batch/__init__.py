"""``segmenter batch``: many photos, each done for itself."""
