"""The pattern recognition agent's routes."""
