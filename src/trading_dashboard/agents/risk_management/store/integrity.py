"""Whether the store is what was written into it, from the first entry on.

Owns the full check: pages, the journal's chain, and all copies against the journal played anew.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, Table, func, select

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.orders import is_open
from trading_dashboard.agents.risk_management.account.state import Change
from trading_dashboard.agents.risk_management.store.chain import BrokenChain, Chain, state_digest
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.agents.risk_management.store.recovery import CHUNK, differences, journal_rows
from trading_dashboard.agents.risk_management.store.rows import fill_row, order_row
from trading_dashboard.agents.risk_management.store.schema import (
    FILLS,
    ORDERS,
    SNAPSHOTS,
)
from trading_dashboard.models.risk.errors import RiskError

MOST_FINDINGS = 20


def check(database: Database) -> list[str]:
    """Return what is wrong, in sentences; nothing if all is well."""
    found = database.check_pages(is_quick=False)
    with database.transaction() as connection:
        found += _Replay(connection).findings()
    return found[:MOST_FINDINGS]


class _Replay:
    """The journal played anew, its fills and ended orders held against the tables on the way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._book = Book()
        self._fills: list[dict[str, Any]] = []
        self._orders: dict[str, dict[str, Any]] = {}
        self._counts = {FILLS.name: 0, ORDERS.name: 0}
        self._found: list[str] = []

    def findings(self) -> list[str]:
        chain = Chain()
        snapshots = self._snapshots()
        try:
            for entry in chain.follow(journal_rows(self._connection)):
                self._take(self._book.apply(entry))
                if entry.seq in snapshots:
                    self._check_snapshot(chain, *snapshots.pop(entry.seq))
        except (BrokenChain, RiskError) as error:
            return [*self._found, str(error)]
        self._compare()
        self._found += [f"snapshot {seq} is of no entry" for seq in snapshots]
        self._found += differences(self._connection, self._book)
        self._count(FILLS)
        self._counts[ORDERS.name] += len(self._book.open_orders())
        self._count(ORDERS)
        return self._found

    def _snapshots(self) -> dict[int, tuple[str, str]]:
        rows = self._connection.execute(select(SNAPSHOTS)).mappings().all()
        return {row["seq"]: (row["state"], row["digest"]) for row in rows}

    def _check_snapshot(self, chain: Chain, state: str, digest: str) -> None:
        if state_digest(state, chain.digest) != digest:
            self._found.append(f"snapshot {chain.seq} is not what was written: its digest differs")
        elif Book.restore(orjson.loads(state)) != self._book:
            self._found.append(f"snapshot {chain.seq} is not what the journal comes to")

    def _take(self, change: Change) -> None:
        self._fills += [fill_row(fill) for fill in change.fills]
        for order, seq in change.orders.values():
            if not is_open(order):
                self._orders[order.id] = order_row(order, seq)
        if len(self._fills) + len(self._orders) >= CHUNK:
            self._compare()

    def _compare(self) -> None:
        """Hold what was gathered against the tables."""
        self._compare_table(FILLS, "seq", {row["seq"]: row for row in self._fills})
        self._compare_table(ORDERS, "id", dict(self._orders))
        self._fills, self._orders = [], {}

    def _compare_table(self, table: Table, key: str, wanted: dict[Any, dict[str, Any]]) -> None:
        self._counts[table.name] += len(wanted)
        keys = list(wanted)
        for begin in range(0, len(keys), 500):
            some = keys[begin : begin + 500]
            query = select(table).where(table.c[key].in_(some))
            kept = {row[key]: dict(row) for row in self._connection.execute(query).mappings()}
            self._found += [
                f"{table.name} {name} is not what the journal comes to"
                for name in some
                if kept.get(name) != wanted[name]
            ]

    def _count(self, table: Table) -> None:
        there = self._connection.execute(select(func.count()).select_from(table)).scalar_one()
        if there != self._counts[table.name]:
            self._found.append(
                f"{table.name} has {there} rows, the journal comes to {self._counts[table.name]}"
            )
