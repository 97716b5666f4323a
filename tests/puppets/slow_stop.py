"""Takes as many seconds as told (default 0.5) to stop when asked to; SIGUSR1 ends it at once."""

import contextlib
import os
import signal
import sys
import time


def stop(*_: object) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, b"stopping\n")
    time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
    print("stopped", flush=True)
    raise SystemExit(0)


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
print("ready", flush=True)
while True:
    signal.pause()
