"""The agents' kit, without processes."""
