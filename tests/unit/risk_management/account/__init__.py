"""The account in memory."""
