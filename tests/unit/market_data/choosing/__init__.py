"""Choosing a source, with fake sources and a virtual clock."""
