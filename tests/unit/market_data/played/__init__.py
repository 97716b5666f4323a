"""The agent on a recording."""
