"""Positions in and out of files: CSV and JSON, read without believing them, written to be read."""
