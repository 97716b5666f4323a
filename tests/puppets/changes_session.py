"""Has a silent child in a session of its own that ignores TERM."""

import os
import signal

reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(writing, b".")
    while True:
        signal.pause()
os.read(reading, 1)
print("ready", flush=True)
signal.pause()
