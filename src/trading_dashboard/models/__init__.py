"""The shared vocabulary. No I/O, nothing of ours imported."""
