"""Follows the market, values the account, decides about orders, holds the desk together."""
