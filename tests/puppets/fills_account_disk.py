"""Writes to an account until there is no more room, then goes on when there is again.

    fills_account_disk.py FOLDER

Room is the size a file may have, which is raised after a few refusals. Prints as JSON how many
entries were acknowledged at each stage, the refusals, and what was read at each stage.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from decimal import Decimal
from pathlib import Path

from tests.unit.risk_management.ledger import START
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.errors import AccountStoreError


def main() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = AccountStore.open(None, Path(sys.argv[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 2**20, hard))
    acknowledged, refused = 0, list[str]()
    for number in range(5_000):
        try:
            deposit(store, number)
            acknowledged += 1
        except AccountStoreError as error:
            refused.append(str(error))
            if len(refused) == 3:
                break
    full = str(store.load().cash)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for number in range(10):
        deposit(store, number)
    after = str(store.load().cash)
    print(json.dumps([acknowledged, refused, full, after, store.check()]))
    store.close()


def deposit(store: AccountStore, number: int) -> None:
    reason = f"{number} " + "x" * 2_000
    store.append([entries.cash_moved(Decimal(1), actor="test", reason=reason, at=START)])


if __name__ == "__main__":
    main()
