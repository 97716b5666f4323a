"""Tests of what follows the market."""
