"""Twelve Data: bars, quotes and corporate actions of stocks, funds, currencies and crypto."""
