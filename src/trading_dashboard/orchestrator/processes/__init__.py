"""Processes of this machine: starting, watching, finding and ending them."""
