"""``segmenter cluster``: the rows of a table."""
