"""``segmenter evaluate``: label images against what people drew."""
