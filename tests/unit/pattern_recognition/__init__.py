"""The pattern recognition agent, in memory."""
