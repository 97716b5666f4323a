"""Runs, but never serves anything."""

import signal

print("ready", flush=True)
signal.pause()
