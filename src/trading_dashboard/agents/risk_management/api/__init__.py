"""The risk management agent's routes."""
