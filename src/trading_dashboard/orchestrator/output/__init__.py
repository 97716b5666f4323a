"""What agents write: draining, cleaning, keeping and following it."""
