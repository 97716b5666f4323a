"""The tables of the account's store.

The journal is the truth. All other tables but `meta` are copies made from it, for questions and for
a quick start; they can be made anew from the journal at any time.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, String, Table, Text, and_

from trading_dashboard.agents.risk_management.store.columns import ExactDecimal, Instant, Number

METADATA = MetaData()

META = Table(
    "meta",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

JOURNAL = Table(
    "journal",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", Instant),
    Column("recorded_at", Instant, nullable=False),
    Column("data", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("journal_by_kind", "kind", "seq"),
)

ACCOUNT = Table(
    "account",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Number, nullable=False),
    Column("currency", String(16), nullable=False),
    Column("cash", ExactDecimal, nullable=False),
    Column("contributed", ExactDecimal, nullable=False),
    Column("contributed_fifo", ExactDecimal, nullable=False),
    Column("fees", ExactDecimal, nullable=False),
    Column("dividends", ExactDecimal, nullable=False),
    Column("realised", ExactDecimal, nullable=False),
    Column("realised_fifo", ExactDecimal, nullable=False),
)

POSITIONS = Table(
    "positions",
    METADATA,
    Column("symbol", String(32), primary_key=True),
    Column("currency", String(16), nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("cost", ExactDecimal, nullable=False),
    Column("cost_fifo", ExactDecimal, nullable=False),
    Column("realised", ExactDecimal, nullable=False),
    Column("realised_fifo", ExactDecimal, nullable=False),
    Column("dividends", ExactDecimal, nullable=False),
    Column("is_sample", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("seq", Number, nullable=False),
    Column("symbol", String(32), nullable=False),
    Column("side", String(8), nullable=False),
    Column("type", String(16), nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("limit_price", ExactDecimal),
    Column("stop_price", ExactDecimal),
    Column("time_in_force", String(8), nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    Column("client_order_id", String(64)),
    Column("note", Text),
    Column("status", String(24), nullable=False),
    Column("triggered", Boolean, nullable=False),
    Column("filled_quantity", ExactDecimal, nullable=False),
    Column("average_price", ExactDecimal),
    Column("fees", ExactDecimal, nullable=False),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
Index("orders_by_seq", ORDERS.c.seq, unique=True)
Index("orders_by_status", ORDERS.c.status, ORDERS.c.seq)
# What is refused before it was placed does not use up its client's id.
_IS_PLACED = and_(ORDERS.c.client_order_id.is_not(None), ORDERS.c.status != "rejected")
Index(
    "orders_by_client_id",
    ORDERS.c.client_order_id,
    unique=True,
    sqlite_where=_IS_PLACED,
    postgresql_where=_IS_PLACED,
)

FILLS = Table(
    "fills",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("order_id", String(64), nullable=False),
    Column("symbol", String(32), nullable=False),
    Column("side", String(8), nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("price", ExactDecimal, nullable=False),
    Column("market_price", ExactDecimal, nullable=False),
    Column("fee", ExactDecimal, nullable=False),
    Column("realised", ExactDecimal, nullable=False),
    Column("realised_fifo", ExactDecimal, nullable=False),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Index("fills_by_order", "order_id", "seq"),
    Index("fills_by_symbol", "symbol", "seq"),
)

SNAPSHOTS = Table(
    "snapshots",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""The whole book at an entry; `digest` is of the state and of the journal up to there."""

COPIES = (ACCOUNT, POSITIONS, ORDERS, FILLS, SNAPSHOTS)
"""Tables that are made from the journal."""
