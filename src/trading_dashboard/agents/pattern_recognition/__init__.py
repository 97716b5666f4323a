"""The pattern recognition agent: what has just formed, when that was first known, and its worth."""
