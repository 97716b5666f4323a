"""Live data on its way."""
