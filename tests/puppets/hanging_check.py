"""A check that never ends, with a child in a session of its own that ignores requests to end.

    python hanging_check.py FILE

Each run adds its pid to FILE.
"""

import os
import signal
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(writer, b"x")
    time.sleep(3600)
    os._exit(0)

os.read(reader, 1)
with open(sys.argv[1], "a") as file:  # noqa: PTH123
    file.write(f"{os.getpid()}\n")
print("still looking", flush=True)
time.sleep(3600)
