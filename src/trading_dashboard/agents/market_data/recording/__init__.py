"""Stretches of a source's stream, kept to be lived through again."""
