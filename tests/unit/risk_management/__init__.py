"""Tests of the risk management agent."""
