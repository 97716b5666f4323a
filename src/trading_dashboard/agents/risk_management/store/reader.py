"""What the account has been, asked of the store: entries, orders and fills, page by page.

Owns no state but the connection, which is used from one thread at a time. A question sees what was
committed when it was asked and holds nobody up who writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trading_dashboard.agents.risk_management.store import reading
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.models.risk.account import (
    FillsResponse,
    JournalKind,
    JournalResponse,
    Order,
    OrdersResponse,
    OrderStatus,
)


class AccountReader:
    """Questions about one account."""

    def __init__(self, database: Database) -> None:
        """Ask over this connection."""
        self._database = database

    def close(self) -> None:
        """Let go of the connection. May be called again."""
        self._database.close()

    def journal(
        self, before: int | None = None, limit: int = 100, kinds: Sequence[JournalKind] = ()
    ) -> JournalResponse:
        """Return entries, newest first, at most `limit` (1000) and older than `before`."""
        with self._database.transaction() as connection:
            return reading.read_journal(connection, before, limit, kinds)

    def newest_at(self, since: int, kinds: Sequence[JournalKind]) -> datetime | None:
        """Return the newest market time of these kinds of entries, from a number on."""
        with self._database.transaction() as connection:
            return reading.read_newest_at(connection, since, kinds)

    def orders(
        self,
        before: str | None = None,
        limit: int = 100,
        *,
        symbol: str | None = None,
        statuses: Sequence[OrderStatus] = (),
    ) -> OrdersResponse:
        """Return orders, newest first, those before the order `before`.

        Raises:
            UnknownOrder: There is no order `before`.
        """
        with self._database.transaction() as connection:
            return reading.read_orders(connection, before, limit, symbol, statuses)

    def order(
        self, order_id: str | None = None, *, client_order_id: str | None = None
    ) -> Order | None:
        """Return the order of an id, or the placed one of a client's id; None without one."""
        with self._database.transaction() as connection:
            return reading.read_order(connection, order_id, client_order_id)

    def fills(
        self,
        before: str | None = None,
        limit: int = 100,
        *,
        symbol: str | None = None,
        order_id: str | None = None,
    ) -> FillsResponse:
        """Return fills, newest first, those before the fill `before`."""
        with self._database.transaction() as connection:
            return reading.read_fills(connection, before, limit, symbol, order_id)
