"""Tests of market time."""
