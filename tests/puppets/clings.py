"""Does all that makes a process hard to end: forks, changes session, daemonises, ignores TERM.

Three silent processes: the leader, a child in a session of its own, and a daemon of that one that
has no environment any more.
"""

import os
import signal
import sys

DAEMON = "import os, signal; os.write({}, b'.'); signal.pause()"

signal.signal(signal.SIGTERM, signal.SIG_IGN)  # handed on by fork and exec
reading, writing = os.pipe()
os.set_inheritable(writing, True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            command = [sys.executable, "-I", "-S", "-c", DAEMON.format(writing)]
            os.execve(sys.executable, command, {})
        os._exit(0)
    os.wait()
    os.write(writing, b".")
    while True:
        signal.pause()
seen = b""
while len(seen) < 2:
    seen += os.read(reading, 2)
print("ready", flush=True)
while True:
    signal.pause()
