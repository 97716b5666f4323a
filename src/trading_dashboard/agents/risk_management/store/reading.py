"""Questions about the past: entries, orders and fills, newest first, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from trading_dashboard.agents.risk_management.store.chain import entry_of
from trading_dashboard.agents.risk_management.store.rows import fill_of, order_of
from trading_dashboard.agents.risk_management.store.schema import FILLS, JOURNAL, ORDERS
from trading_dashboard.models.risk.account import (
    Fill,
    FillsResponse,
    JournalKind,
    JournalResponse,
    Order,
    OrdersResponse,
    OrderStatus,
)
from trading_dashboard.models.risk.errors import UnknownOrder

MOST_ROWS = 1_000


def read_journal(
    connection: Connection, before: int | None, limit: int, kinds: Sequence[JournalKind]
) -> JournalResponse:
    """Return entries older than `before`."""
    query = select(JOURNAL)
    if kinds:
        query = query.where(JOURNAL.c.kind.in_([kind.value for kind in kinds]))
    rows, has_more = _page(connection, query, JOURNAL, before, limit)
    return JournalResponse(
        entries=[entry_of(row) for row in rows], next_before=rows[-1]["seq"] if has_more else None
    )


def read_newest_at(
    connection: Connection, since: int, kinds: Sequence[JournalKind]
) -> datetime | None:
    """Return the newest market time of entries from the number `since` on."""
    found: datetime | None = connection.execute(
        select(func.max(JOURNAL.c.at)).where(
            JOURNAL.c.seq >= since, JOURNAL.c.kind.in_([kind.value for kind in kinds])
        )
    ).scalar_one()
    return found


def read_orders(
    connection: Connection,
    before: str | None,
    limit: int,
    symbol: str | None,
    statuses: Sequence[OrderStatus],
) -> OrdersResponse:
    """Return orders placed before the order `before`.

    Raises:
        UnknownOrder: There is no order `before`.
    """
    query = select(ORDERS)
    if symbol is not None:
        query = query.where(ORDERS.c.symbol == symbol)
    if statuses:
        query = query.where(ORDERS.c.status.in_([status.value for status in statuses]))
    total = _count(connection, query)
    seq = None
    if before is not None:
        seq = connection.execute(
            select(ORDERS.c.seq).where(ORDERS.c.id == before)
        ).scalar_one_or_none()
        if seq is None:
            raise UnknownOrder(
                f"There is no order {before}.",
                subject=before,
                next_step="Begin without `before`.",
            )
    rows, has_more = _page(connection, query, ORDERS, seq, limit)
    return OrdersResponse(
        orders=[order_of(row) for row in rows],
        total=total,
        next_before=rows[-1]["id"] if has_more else None,
    )


def read_order(connection: Connection, order_id: str | None, client_id: str | None) -> Order | None:
    """Return the order of an id, or the placed one of a client's id."""
    query = select(ORDERS)
    if order_id is not None:
        query = query.where(ORDERS.c.id == order_id)
    else:
        query = query.where(
            ORDERS.c.client_order_id == client_id, ORDERS.c.status != OrderStatus.REJECTED.value
        )
    row = connection.execute(query).mappings().first()
    return None if row is None else order_of(row)


def read_fills(
    connection: Connection, before: str | None, limit: int, symbol: str | None, order_id: str | None
) -> FillsResponse:
    """Return fills before the fill `before`."""
    query = select(FILLS)
    if symbol is not None:
        query = query.where(FILLS.c.symbol == symbol)
    if order_id is not None:
        query = query.where(FILLS.c.order_id == order_id)
    total = _count(connection, query)
    rows, has_more = _page(connection, query, FILLS, fill_seq(before), limit)
    fills: list[Fill] = [fill_of(row) for row in rows]
    return FillsResponse(fills=fills, total=total, next_before=fills[-1].id if has_more else None)


def fill_seq(fill_id: str | None) -> int | None:
    """Return the number in a fill's id.

    Raises:
        UnknownOrder: It is no fill's id.
    """
    if fill_id is None:
        return None
    if not fill_id.startswith("f") or not fill_id[1:].isdecimal() or len(fill_id) > 19:
        raise UnknownOrder(
            f"There is no fill {fill_id}.", subject=fill_id, next_step="Begin without `before`."
        )
    return int(fill_id[1:])


def _page(
    connection: Connection, query: Select[Any], table: Table, before: int | None, limit: int
) -> tuple[Sequence[Any], bool]:
    limit = max(1, min(limit, MOST_ROWS))
    if before is not None:
        query = query.where(table.c.seq < before)
    query = query.order_by(table.c.seq.desc()).limit(limit + 1)
    rows = connection.execute(query).mappings().all()
    return rows[:limit], len(rows) > limit


def _count(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())
