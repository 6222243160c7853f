"""Read photos in any supported format."""
