"""Rectangles of pictures of any size."""
