"""Tests of the trading gate."""
