"""``segmenter report``: a page of what earlier runs left."""
