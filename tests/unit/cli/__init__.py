"""Tests of the parts of `cli`."""
