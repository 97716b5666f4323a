"""Ends at once with code 4, while a silent child goes on holding its standard output."""

import os
import signal

if os.fork() == 0:
    while True:
        signal.pause()
print("ready", flush=True)
os._exit(4)
