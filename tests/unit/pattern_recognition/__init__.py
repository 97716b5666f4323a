"""Tests of the pattern recognition agent's parts."""
