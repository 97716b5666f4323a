"""`new agent NAME`: a runnable agent on the kit, its test, and its lines in the configuration."""
