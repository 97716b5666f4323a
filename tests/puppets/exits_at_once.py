"""Ends before it served anything, with the code given (default 3)."""

import sys

print("ready", flush=True)
print("cannot start: the configuration is missing", file=sys.stderr, flush=True)
raise SystemExit(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
