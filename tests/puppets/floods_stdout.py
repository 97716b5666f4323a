"""Writes as fast as it can: as many MiB as told, or for ever; the last line says `last line`.

With a second word it ends after that.
"""

import os
import signal
import sys

line = (
    b"INFO a line as a chatty service writes them, about one hundred bytes in all, over and over\n"
)
block = line * (1024 * 1024 // len(line))
left = int(sys.argv[1]) if len(sys.argv) > 1 else -1
os.write(1, b"ready\n")
while left:
    view = memoryview(block)
    while view:
        view = view[os.write(1, view) :]
    left -= 1
os.write(1, b"last line\n")
if len(sys.argv) < 3:
    signal.pause()
