"""``python -m bootstrap [runtime|dev]``: set up and do nothing else."""

from __future__ import annotations

import argparse
import sys

from bootstrap.installer import ensure_or_exit


def main() -> int:
    """Make the environment stand."""
    parser = argparse.ArgumentParser(prog="python -m bootstrap", description=main.__doc__)
    parser.add_argument("profile", nargs="?", choices=("runtime", "dev"), default="dev")
    ensure_or_exit(parser.parse_args().profile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
