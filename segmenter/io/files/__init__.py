"""Files of any kind: local and remote ones, written atomically, and found in folders."""
