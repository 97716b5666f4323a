"""The market by real sources: what is asked of them, kept of them and said of them."""
