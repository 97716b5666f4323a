"""What patterns were worth: outcomes, statistics against the base rate, calibrated confidence."""
