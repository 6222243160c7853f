"""Regions of a picture: superpixels, their hierarchy, and cuts through it."""
