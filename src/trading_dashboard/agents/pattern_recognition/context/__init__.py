"""Context of a pattern: regime per timeframe, how far timeframes agree, support and resistance."""
