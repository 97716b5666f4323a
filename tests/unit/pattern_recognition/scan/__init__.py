"""Tests of scans over many symbols."""
