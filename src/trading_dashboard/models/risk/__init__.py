"""Risk as it travels: the paper account, measures, limits, the gate. No I/O."""
