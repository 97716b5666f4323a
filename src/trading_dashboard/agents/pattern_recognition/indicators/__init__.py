"""Indicators: named columns computed from a series of bars."""
