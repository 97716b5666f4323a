"""Tests of what patterns were worth."""
