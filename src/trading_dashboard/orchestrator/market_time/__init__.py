"""Market time: when an exchange is open, and what follows from it for ages and hours."""
