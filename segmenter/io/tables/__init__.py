"""CSV and TSV tables, as text and as numbers."""
