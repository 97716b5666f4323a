"""The demo: a replay of real daily history, simulated within the day."""
