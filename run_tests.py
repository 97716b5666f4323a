#!/usr/bin/env python3
"""Check everything: format, lint, types, import contracts, locks and all tests.

The first run sets up what is needed in `.venv`. See `--help`.
"""
# The old syntax is on purpose: an old Python must get as far as the sentence below.

import os
import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "Trading Dashboard needs Python 3.11 or newer and this is Python %d.%d: install one and "
        "start it with that, such as: python3.11 run_tests.py\n" % tuple(sys.version_info[:2])
    )
    sys.exit(1)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bootstrap.checks import main

if __name__ == "__main__":
    sys.exit(main())
