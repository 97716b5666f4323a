"""The pattern recognition agent with real processes."""
