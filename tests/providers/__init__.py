"""Local servers that behave like providers of market data, their bad days included."""
