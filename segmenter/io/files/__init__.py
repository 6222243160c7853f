"""Bytes in and out: local, atomic and remote files, and what folders hold."""
