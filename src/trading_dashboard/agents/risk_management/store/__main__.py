"""Care for an account whose agent does not run.

    python -m trading_dashboard.agents.risk_management.store check|rebuild|backup DIRECTORY

`check` reads all of it and says what is wrong; `rebuild` makes the copies anew from the journal;
`backup` writes a copy to ``--to``. Exit status 0 if all is well, 1 if not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trading_dashboard.agents.risk_management.store.sqlite import FILE
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.errors import AccountStoreError


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one thing and return the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    parser.add_argument("action", choices=["check", "rebuild", "backup"])
    parser.add_argument("directory", type=Path, help="the agent's data directory")
    parser.add_argument("--url", help="of the database, if it is not the file in DIRECTORY")
    parser.add_argument("--to", type=Path, help="where a backup is written")
    options = parser.parse_args(arguments)
    if options.action == "backup" and options.to is None:
        parser.error("backup needs --to")
    if options.url is None and not (options.directory / FILE).exists():
        parser.error(f"there is no account in {options.directory}")
    try:
        findings = _done(options)
    except AccountStoreError as error:
        findings = [f"{error} Seen: {error.observed}"]
    for line in findings or [f"{options.action}: all is well"]:
        sys.stdout.write(f"{line}\n")
    return 1 if findings else 0


def _done(options: argparse.Namespace) -> list[str]:
    is_rebuilt = options.action == "rebuild"
    with AccountStore.open(options.url, options.directory, rebuild=is_rebuilt) as store:
        if options.action == "backup":
            store.backup(options.to)
            return []
        return store.check()


if __name__ == "__main__":
    sys.exit(main())
