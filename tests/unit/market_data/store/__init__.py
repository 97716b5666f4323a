"""The DuckDB archive."""
