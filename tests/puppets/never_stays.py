"""Leaves a chain of daemons, each of which forks the next one and ends, faster than one can look.

None has an environment, each has a session of its own, all ignore TERM. Whoever is on holds a lock
on the file named first; the chain ends by itself once the file named second is gone.
"""

import fcntl
import os
import sys

CHAIN = (
    "import os, signal, sys\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "os.write(int(sys.argv[2]), b'.')\n"
    "while os.path.exists(sys.argv[1]):\n"
    "    if os.fork(): os._exit(0)\n"
    "    os.setsid()\n"
)
held, leash = sys.argv[1:3]
lock = os.open(held, os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
reading, writing = os.pipe()
if os.fork() == 0:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    for descriptor in (lock, writing):
        os.set_inheritable(descriptor, True)
    command = [sys.executable, "-I", "-S", "-c", CHAIN, leash, str(writing)]
    os.execve(sys.executable, command, {})
os.close(lock)
os.wait()
os.read(reading, 1)
print("ready", flush=True)
if "exits" not in sys.argv:
    import signal

    signal.pause()
