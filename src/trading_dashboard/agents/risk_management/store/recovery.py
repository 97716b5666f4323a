"""From what is on disk to a book: the newest snapshot, and the journal since.

Owns snapshots, and the proof at each start that journal and copies agree. What is damaged is told,
never repaired by itself: it is money.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, select

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.state import Change
from trading_dashboard.agents.risk_management.store.chain import BrokenChain, Chain, state_digest
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.agents.risk_management.store.failures import damaged
from trading_dashboard.agents.risk_management.store.rows import fill_row, order_row, rows_of_book
from trading_dashboard.agents.risk_management.store.schema import (
    ACCOUNT,
    COPIES,
    FILLS,
    JOURNAL,
    ORDERS,
    POSITIONS,
    SNAPSHOTS,
)
from trading_dashboard.models.risk.account import FINAL
from trading_dashboard.models.risk.errors import RiskError

SNAPSHOT_EVERY = 5_000
"""Entries between snapshots: what a start plays at most."""
KEPT_SNAPSHOTS = 2
CHUNK = 5_000
"""Rows written or read at a time."""
REBUILD_STEP = (
    "Nothing was changed. Stop the agent and make the copies anew from the journal with: python -m "
    "trading_dashboard.agents.risk_management.store rebuild DIRECTORY; or put a backup there."
)


def load(connection: Connection, name: str) -> tuple[Book, Chain]:
    """Return the book and where the journal ends.

    Raises:
        AccountStoreError: The journal since the newest snapshot is not what was written.
    """
    book, chain = _newest_snapshot(connection)
    try:
        book.play(chain.follow(journal_rows(connection, chain.seq)))
    except (BrokenChain, RiskError) as error:
        raise damaged(name, str(error)) from error
    return book, chain


def keep_snapshot(connection: Connection, book: Book, chain: Chain) -> None:
    """Write the book as it is, and forget all but the newest snapshots."""
    state = orjson.dumps(book.snapshot()).decode()
    connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.seq >= chain.seq))
    connection.execute(
        SNAPSHOTS.insert(),
        {"seq": chain.seq, "state": state, "digest": state_digest(state, chain.digest)},
    )
    kept = select(SNAPSHOTS.c.seq).order_by(SNAPSHOTS.c.seq.desc()).limit(KEPT_SNAPSHOTS)
    oldest = min(connection.execute(kept).scalars())
    connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.seq < oldest))


def newest_snapshot_seq(connection: Connection) -> int:
    """Return the entry of the newest snapshot, 0 without one."""
    return int(connection.execute(select(func.max(SNAPSHOTS.c.seq))).scalar() or 0)


def differences(connection: Connection, book: Book) -> list[str]:
    """Return where account, holdings and open orders differ from the book; of fills the newest."""
    account, positions = rows_of_book(book)
    found = []
    kept_account = connection.execute(select(ACCOUNT)).mappings().all()
    if [dict(row) for row in kept_account] != ([account] if book.seq else []):
        found += _differ("account", kept_account[0] if kept_account else {}, account)
    kept = {
        row["symbol"]: dict(row) for row in connection.execute(select(POSITIONS)).mappings().all()
    }
    wanted = {row["symbol"]: row for row in positions}
    for symbol in sorted(kept.keys() | wanted.keys()):
        found += _differ(f"position {symbol}", kept.get(symbol, {}), wanted.get(symbol, {}))
    final = [status.value for status in FINAL]
    is_open = select(ORDERS).where(ORDERS.c.status.not_in(final))
    kept = {row["id"]: dict(row) for row in connection.execute(is_open).mappings().all()}
    wanted = {order.id: order_row(order, book.order_seqs[order.id]) for order in book.open_orders()}
    for key in sorted(kept.keys() | wanted.keys()):
        found += _differ(f"order {key}", kept.get(key, {}), wanted.get(key, {}))
    return found


def rebuild(database: Database, connection: Connection, name: str) -> None:
    """Make all copies anew from the journal.

    Raises:
        AccountStoreError: The journal is not what was written.
    """
    for table in COPIES:
        connection.execute(delete(table))
    book, chain = Book(), Chain()
    copies = _Copies(database, connection)
    try:
        for entry in chain.follow(journal_rows(connection)):
            copies.take(book.apply(entry))
    except (BrokenChain, RiskError) as error:
        raise damaged(name, str(error)) from error
    copies.write()
    if book.seq:
        account, positions = rows_of_book(book)
        connection.execute(ACCOUNT.insert(), account)
        database.upsert(connection, POSITIONS, positions)
        keep_snapshot(connection, book, chain)


def journal_rows(connection: Connection, after: int = 0) -> Iterator[Mapping[Any, Any]]:
    """Yield the journal's rows after a number, read piece by piece."""
    query = select(JOURNAL).order_by(JOURNAL.c.seq).limit(CHUNK)
    while True:
        rows = connection.execute(query.where(JOURNAL.c.seq > after)).mappings().all()
        yield from rows
        if len(rows) < CHUNK:
            return
        after = rows[-1]["seq"]


class _Copies:
    """Fills and orders on their way into their tables."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self._fills: list[dict[str, Any]] = []
        self._orders: dict[str, dict[str, Any]] = {}

    def take(self, change: Change) -> None:
        """Note what an entry changed."""
        self._fills += [fill_row(fill) for fill in change.fills]
        for order, seq in change.orders.values():
            self._orders[order.id] = order_row(order, seq)
        if len(self._fills) + len(self._orders) >= CHUNK:
            self.write()

    def write(self) -> None:
        """Write what was noted."""
        self._database.upsert(self._connection, FILLS, self._fills)
        self._database.upsert(self._connection, ORDERS, list(self._orders.values()))
        self._fills, self._orders = [], {}


def _newest_snapshot(connection: Connection) -> tuple[Book, Chain]:
    """Return the newest snapshot that is whole and belongs to the journal, else an empty book."""
    query = (
        select(SNAPSHOTS, JOURNAL.c.digest.label("journal_digest"))
        .join(JOURNAL, JOURNAL.c.seq == SNAPSHOTS.c.seq)
        .order_by(SNAPSHOTS.c.seq.desc())
    )
    for row in connection.execute(query).mappings().all():
        if state_digest(row["state"], row["journal_digest"]) != row["digest"]:
            continue
        try:
            book = Book.restore(orjson.loads(row["state"]))
        except (ValueError, LookupError, TypeError):
            continue
        return book, Chain(row["seq"], row["journal_digest"])
    return Book(), Chain()


def _differ(what: str, kept: Any, wanted: Any) -> list[str]:
    """Return a sentence on how a row differs from what the journal comes to."""
    if not kept or not wanted:
        present = "is missing" if wanted else "is not in the journal"
        return [f"{what} {present}"] if dict(kept) != dict(wanted) else []
    columns = [name for name in wanted if kept[name] != wanted[name]]
    if not columns:
        return []
    told = ", ".join(f"{name} is {kept[name]}, not {wanted[name]}" for name in columns)
    return [f"{what}: {told}"]
