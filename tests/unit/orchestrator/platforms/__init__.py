"""Tests of what differs between operating systems, with fakes for those this is not."""
