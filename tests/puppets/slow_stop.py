"""Takes as many seconds as told (default 0.5) to stop when asked to."""

import signal
import sys
import time


def stop(*_: object) -> None:
    time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
    print("stopped", flush=True)
    raise SystemExit(0)


signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
while True:
    signal.pause()
