"""`/stream` of the risk management agent."""
