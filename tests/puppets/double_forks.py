"""Leaves a silent daemon behind as daemons are made: fork, setsid, fork; it ignores TERM."""

import os
import signal

reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.write(writing, b".")
        while True:
            signal.pause()
    os._exit(0)
os.wait()
os.read(reading, 1)
print("ready", flush=True)
signal.pause()
