"""``python -m trading_dashboard.dashboard``: serve the dashboard until told to stop."""

from __future__ import annotations

import argparse
import sys

from trading_dashboard.dashboard.server import serve


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trading_dashboard.dashboard")
    parser.add_argument("--port", type=int, default=8501, help="port on loopback (default 8501)")
    options = parser.parse_args(arguments)
    return serve(options.port)


if __name__ == "__main__":
    sys.exit(main())
