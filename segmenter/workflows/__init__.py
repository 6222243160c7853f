"""The use cases: everything before comes together here."""
