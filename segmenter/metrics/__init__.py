"""Measure how well label images agree with segmentations drawn by people."""
