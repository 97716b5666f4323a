"""What would happen: days that were, shocks by hand, and what it takes to lose so much."""
