"""What the market data agent keeps on disk: the contract, and DuckDB behind it."""
