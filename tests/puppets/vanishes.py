"""Leaves a silent daemon without environment, session or parent in common; it ignores TERM.

The daemon holds a lock on the file named first for as long as it lives, and ends by itself once the
file named second is gone. More words: `lies`, its environment names another run; `threaded`, its
first thread has ended, which makes it look like a zombie; `exits`, the puppet itself ends.
"""

import fcntl
import os
import sys

DAEMON = (
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "os.write(int(sys.argv[2]), b'.')\n"
    "while os.path.exists(sys.argv[1]): time.sleep(0.02)\n"
)
THREADED = (
    "import ctypes, os, signal, sys, threading, time\n"
    "def stay():\n"
    "    while ') Z ' not in open('/proc/self/stat').read(): time.sleep(0.002)\n"
    "    os.write(int(sys.argv[2]), b'.')\n"
    "    while os.path.exists(sys.argv[1]): time.sleep(0.02)\n"
    "    os._exit(0)\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "threading.Thread(target=stay).start()\n"
    "ctypes.CDLL(None).pthread_exit(None)\n"
)
held, leash = sys.argv[1:3]
lock = os.open(held, os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        for descriptor in (lock, writing):
            os.set_inheritable(descriptor, True)
        daemon = THREADED if "threaded" in sys.argv else DAEMON
        environ = {"TRADING_DASHBOARD_RUN_ID": "another"} if "lies" in sys.argv else {}
        os.execve(sys.executable, [sys.executable, "-c", daemon, leash, str(writing)], environ)
    os._exit(0)
os.wait()
os.close(lock)
os.read(reading, 1)
print("ready", flush=True)
if "exits" not in sys.argv:
    import signal

    signal.pause()
