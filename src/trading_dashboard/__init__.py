"""Trading Dashboard: a trader's desk in one command."""

__version__ = "0.1.0"
