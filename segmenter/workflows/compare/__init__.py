"""``segmenter compare``: photos beside variants of their segments."""
