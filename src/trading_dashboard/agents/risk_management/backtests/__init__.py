"""A VaR held against what came: walked forward day by day, then tested."""
