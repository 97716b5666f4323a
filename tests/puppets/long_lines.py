"""Writes a line of as many bytes as told (default 1 MiB), a short one and an unfinished one."""

import signal
import sys

print("x" * (int(sys.argv[1]) if len(sys.argv) > 1 else 1024 * 1024))
print("ready")
print("unfinished", end="", flush=True)
signal.pause()
