"""Has two silent children without any environment: one in its session, one in its own."""

import os
import signal
import sys

SILENT = (
    "import os, signal, sys\n"
    "if sys.argv[1] == 'own': os.setsid()\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "os.write(int(sys.argv[2]), b'.')\n"
    "while True: signal.pause()\n"
)
reading, writing = os.pipe()
os.set_inheritable(writing, True)
for where in ("same", "own"):
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", SILENT, where, str(writing)], {})
seen = b""
while len(seen) < 2:
    seen += os.read(reading, 2)
print("ready", flush=True)
signal.pause()
