"""`trading-dashboard doctor`: what is wrong, or will be. It looks only, and changes nothing."""
