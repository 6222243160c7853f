"""One picture to its segments, in memory: no output paths, no terminal."""
