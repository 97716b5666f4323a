"""Bars from ticks, and raw series adjusted for splits and dividends."""
