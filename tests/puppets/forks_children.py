"""Forks as many silent children as told (default 3); with a second word they ignore TERM."""

import os
import signal
import sys

for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
    if os.fork() == 0:
        if len(sys.argv) > 2:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
print("ready", flush=True)
signal.pause()
