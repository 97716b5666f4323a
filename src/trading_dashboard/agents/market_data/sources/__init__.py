"""Where market data comes from: the contract of a source, and the sources themselves."""
