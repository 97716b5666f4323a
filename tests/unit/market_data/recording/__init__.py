"""Recordings, made and played."""
