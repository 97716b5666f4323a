"""Alpha Vantage: daily and intraday bars, quotes and splits of stocks, currencies and crypto."""
