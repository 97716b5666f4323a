"""Writes the secrets it was given, and what looks like some."""

import os
import signal

print("authorization: Bearer abcdefghijklmnop.qrstuv")
print("GET /x?token=hunter2hunter2&page=1")
print("password=correct-horse key=k-123456")
print(f"it is {os.environ.get('DEMO_API_KEY', '')} indeed")
print("ready", flush=True)
signal.pause()
