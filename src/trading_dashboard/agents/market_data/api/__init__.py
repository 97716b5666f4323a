"""The routes of the market data agent, one file a subject."""
