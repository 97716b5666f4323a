"""Candlestick patterns: TA-Lib's 61, with direction, strength and the bars they span."""
