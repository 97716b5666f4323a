"""Fills paper orders, and says which journal entries are durable, until it is killed.

    fills_orders.py FOLDER FILLS [MODE]

Prints the newest entry's number after each commit. It goes on with what is in the folder, up to so
many fills in all. MODE is how it dies by itself, after a few commits:

    half     in the middle of a transaction, the journal written and the copies not
    torn     the same, but that half is committed: what a store without transactions would do
    hasty    having said that an entry is durable before it is
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.unit.risk_management.ledger import START, ticket
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.agents.risk_management.store.sqlite import _raw
from trading_dashboard.agents.risk_management.store.store import AccountStore

SYMBOLS = ("IBM", "MSFT", "GOOG")
COMMITS = 5


def main() -> None:
    folder, wanted = Path(sys.argv[1]), int(sys.argv[2])
    mode = sys.argv[3] if len(sys.argv) > 3 else "endless"
    store = AccountStore.open(None, folder)
    if store.seq == 0:
        store.append([entries.account_opened(Decimal(1_000_000), actor="test", at=START)])
    say(store.seq)
    filled = store.fills(limit=1).total
    commits = 0
    while filled < wanted:
        batches = [order_and_fills(filled + number) for number in range(1 + filled % 4)]
        commits += 1
        if commits > COMMITS:
            die(mode, store, sum(map(len, batches)))
        store.append_all(batches)
        filled += 2 * len(batches)
        say(store.seq)
    store.close()


def order_and_fills(number: int) -> list[Draft]:
    """Return an order and two fills of it; the same number, the same drafts but for the id."""
    random = Random(number)
    quantity = random.randint(2, 500)
    first = random.randint(1, quantity - 1)
    at = START + timedelta(seconds=number)
    name = f"{os.getpid()}-{number}"
    order = ticket(random.choice(SYMBOLS), random.choice(["buy", "sell"]), str(quantity))
    drafts = [entries.order_placed(name, order, actor="test", at=at)]
    for part in (first, quantity - first):
        price = Decimal(random.randint(2_000, 12_000_0000)) / 10_000
        drafts.append(
            entries.order_filled(
                name, quantity=Decimal(part), price=price, market_price=price, fee=Decimal("1.07"),
                source="demo", at=at + timedelta(seconds=0.5),
            )
        )  # fmt: skip
    return drafts


def die(mode: str, store: AccountStore, drafts: int) -> None:
    """Arrange for the end, by the mode."""
    if mode == "hasty":
        say(store.seq + drafts)
        kill()
    if mode in ("half", "torn"):

        def upsert(self: Database, *_: Any) -> None:
            if mode == "torn":
                _raw(self._connection).execute("COMMIT")
            kill()

        Database.upsert = upsert  # type: ignore[assignment,method-assign]


def say(seq: int) -> None:
    print(seq, flush=True)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
