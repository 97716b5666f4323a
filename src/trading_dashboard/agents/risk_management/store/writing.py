"""Entries into the journal and the copies made of them, many at once, in one transaction.

Owns staging: each batch is played on the book before anything is written, and one that contradicts
the account is left out whole without hurting the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.account.state import Change
from trading_dashboard.agents.risk_management.store.chain import Chain
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.agents.risk_management.store.rows import (
    account_row,
    fill_row,
    order_row,
    position_row,
)
from trading_dashboard.agents.risk_management.store.schema import (
    ACCOUNT,
    FILLS,
    JOURNAL,
    ORDERS,
    POSITIONS,
)
from trading_dashboard.models.risk.account import JournalEntry, JournalKind, Order
from trading_dashboard.models.risk.errors import DuplicateOrder

_USED_IDS = select(ORDERS.c.id, ORDERS.c.client_order_id, ORDERS.c.status).where(
    or_(
        ORDERS.c.id.in_(bindparam("ids", expanding=True)),
        ORDERS.c.client_order_id.in_(bindparam("clients", expanding=True)),
    )
)
_INSERT_ENTRIES, _INSERT_FILLS = JOURNAL.insert(), FILLS.insert()

Drafts = Sequence[Draft]
_NEW_ORDER = (JournalKind.ORDER_PLACED, JournalKind.ORDER_REJECTED)


class Staging:
    """What one transaction is about to write."""

    def __init__(self, book: Book, chain: Chain, recorded_at: datetime) -> None:
        self.book = book
        self.chain = chain
        self._recorded_at = recorded_at
        self._entries: list[JournalEntry] = []
        self._journal: list[dict[str, Any]] = []
        self._fills: list[dict[str, Any]] = []
        self._orders: dict[str, tuple[Order, int]] = {}
        self._symbols: set[str] = set()
        self._ids: set[str] = set()
        self._client_ids: set[str] = set()

    def look_up_ids(self, connection: Connection, batches: Sequence[Drafts]) -> None:
        """Find which orders' ids are used by orders the book no longer keeps."""
        drafts = [draft for batch in batches for draft in batch if draft.kind in _NEW_ORDER]
        ids = [draft.data["order_id"] for draft in drafts if "symbol" in draft.data]
        clients = [client for draft in drafts if (client := draft.data.get("client_order_id"))]
        if not ids:
            return
        rows = connection.execute(_USED_IDS, {"ids": ids, "clients": clients}).all()
        self._ids = {row.id for row in rows}
        self._client_ids = {row.client_order_id for row in rows if row.status != "rejected"}

    def play(self, batch: Drafts) -> list[JournalEntry]:
        """Play a batch on the book and keep what is to be written of it.

        Raises:
            RiskError: It contradicts the account. The book may hold a part of it.
        """
        chain = self.chain.copy()
        entries, rows, changes = [], [], []
        for draft in batch:
            self._check_ids(draft)
            entry, row = chain.add(draft, self._recorded_at)
            changes.append(self.book.apply(entry))
            entries.append(entry)
            rows.append(row)
        self.chain = chain
        self._journal += rows
        self._entries += entries
        for change in changes:
            self._keep(change)
        return entries

    @property
    def is_torn(self) -> bool:
        """Return whether the book holds a part of a batch that was refused."""
        return self.book.seq != self.chain.seq

    def rewind(self, book: Book) -> None:
        """Go on with a book as of before this transaction: play what was accepted again."""
        book.play(self._entries)
        self.book = book

    def write(self, database: Database, connection: Connection) -> None:
        """Write all of it."""
        if not self._journal:
            return
        connection.execute(_INSERT_ENTRIES, self._journal)
        if self._fills:
            connection.execute(_INSERT_FILLS, self._fills)
        orders = [order_row(order, seq) for order, seq in self._orders.values()]
        database.upsert(connection, ORDERS, orders)
        holdings = [
            self.book.positions.get(symbol) or self.book.closed[symbol]
            for symbol in sorted(self._symbols)
        ]
        database.upsert(connection, POSITIONS, [position_row(holding) for holding in holdings])
        database.upsert(connection, ACCOUNT, [account_row(self.book)])

    def _check_ids(self, draft: Draft) -> None:
        if draft.kind not in _NEW_ORDER or "symbol" not in draft.data:
            return
        order_id, client_id = draft.data["order_id"], draft.data.get("client_order_id")
        if order_id in self._ids or (client_id and client_id in self._client_ids):
            raise DuplicateOrder(
                f"Order {client_id or order_id} was placed before.",
                subject=order_id,
                next_step="Use another id for another order.",
            )

    def _keep(self, change: Change) -> None:
        self._symbols |= change.symbols
        self._fills += [fill_row(fill) for fill in change.fills]
        for order, seq in change.orders.values():
            self._orders[order.id] = order, seq
