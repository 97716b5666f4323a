"""The pattern recognition agent as a process, beside a real market data agent."""
