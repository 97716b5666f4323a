"""Following the market: history, the stream, and what has to happen when either changes."""
