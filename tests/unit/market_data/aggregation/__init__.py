"""Bars from ticks, and adjusted series."""
