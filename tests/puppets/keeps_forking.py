"""Keeps forking: each second child ends at once, each other one stays, and all ignore TERM."""

import os
import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for number in range(2_000):
    if os.fork() == 0:
        if number % 2:
            os._exit(0)
        while True:
            signal.pause()
    time.sleep(0.005)
