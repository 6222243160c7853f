"""``segmenter cluster``: cluster the rows of a table."""
