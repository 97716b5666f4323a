"""Serves nothing; copies what is appended to a file to its output, line by line.

python writes_lines.py FILE
"""

import pathlib
import sys
import time

source = pathlib.Path(sys.argv[1])
copied = 0
while True:
    text = source.read_text() if source.exists() else ""
    sys.stdout.write(text[copied:])
    sys.stdout.flush()
    copied = len(text)
    time.sleep(0.02)
