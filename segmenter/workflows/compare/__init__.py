"""``segmenter compare``: show photos next to variants of their segments."""
