"""Any exchange that ccxt knows, as a source."""
