"""Pure logic: no process, no socket, a fake clock."""
