"""The market data agent. It owns the market clock; whoever needs market time asks it."""
