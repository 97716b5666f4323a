"""`/stream` of the pattern recognition agent."""
