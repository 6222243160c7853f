"""Pictures of any size, read by rectangles."""
