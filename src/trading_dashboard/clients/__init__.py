"""Typed clients: the control API (`control`) and the agents (`market_data`)."""
