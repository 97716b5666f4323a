"""Unit tests of the chaos bench (`bench/storm`)."""
