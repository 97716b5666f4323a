"""Chart patterns."""
