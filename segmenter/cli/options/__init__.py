"""Options that commands share, each defined once."""
