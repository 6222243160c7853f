"""Pictures, figures and text as bytes; nothing here writes a file."""
