"""The use cases, a folder a command: files in, files out."""
