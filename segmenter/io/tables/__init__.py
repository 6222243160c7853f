"""Read and write CSV and TSV tables, as text and as numbers."""
