"""Sources of market data, over real sockets and real files."""
