"""The market data agent, in memory."""
