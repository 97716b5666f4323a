"""Tests of the limits and the pre-trade check."""
