"""Many symbols at once: one interface, a pool of processes behind it, and the jobs that use it."""
