"""Many bars at once: files into the archive, and out of it."""
