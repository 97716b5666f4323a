"""The repository itself: locks, size of files, import contracts."""
