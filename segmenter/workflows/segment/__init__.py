"""``segmenter segment``, ``apply`` and ``cut``: one photo, from file to files."""
