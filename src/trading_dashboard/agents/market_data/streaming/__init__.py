"""`/stream`: who is subscribed, what waits for whom, and how a connection ends."""
