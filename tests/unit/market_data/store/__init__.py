"""The archive: what it keeps, and what becomes of it when things go wrong."""
