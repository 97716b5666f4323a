"""The risk management agent with real processes."""
