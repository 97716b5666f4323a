"""How big a position should be, by five methods, each with its reckoning."""
