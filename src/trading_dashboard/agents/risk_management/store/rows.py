"""Objects as rows of the copies, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.holdings import Holding
from trading_dashboard.agents.risk_management.store.schema import ACCOUNT, FILLS, ORDERS, POSITIONS
from trading_dashboard.models.risk.account import Fill, Order

Row = Mapping[Any, Any]

_ACCOUNT_FIELDS = [column.name for column in ACCOUNT.columns if column.name != "id"]
_POSITION_FIELDS = [column.name for column in POSITIONS.columns]
_ORDER_FIELDS = [column.name for column in ORDERS.columns if column.name != "seq"]
_FILL_FIELDS = [column.name for column in FILLS.columns if column.name != "seq"]


def account_row(book: Book) -> dict[str, Any]:
    """Return the one row of the account."""
    return {"id": 1, **{name: getattr(book, name) for name in _ACCOUNT_FIELDS}}


def position_row(holding: Holding) -> dict[str, Any]:
    """Return a holding's row; one that is flat keeps its profit."""
    return {name: getattr(holding, name) for name in _POSITION_FIELDS}


def order_row(order: Order, seq: int) -> dict[str, Any]:
    """Return an order's row; `seq` is the entry that placed it."""
    row = {name: getattr(order, name) for name in _ORDER_FIELDS}
    row.update(
        seq=seq,
        type=order.type.value,
        time_in_force=order.time_in_force.value,
        status=order.status.value,
    )
    return row


def order_of(row: Row) -> Order:
    """Return the order of a row."""
    return Order.model_validate({name: row[name] for name in _ORDER_FIELDS})


def fill_row(fill: Fill) -> dict[str, Any]:
    """Return a fill's row."""
    return {"seq": int(fill.id[1:]), **{name: getattr(fill, name) for name in _FILL_FIELDS}}


def fill_of(row: Row) -> Fill:
    """Return the fill of a row."""
    return Fill.model_validate(
        {"id": f"f{row['seq']}", **{name: row[name] for name in _FILL_FIELDS}}
    )


def rows_of_book(book: Book) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the row of the account and those of all holdings, by symbol."""
    holdings = {**book.closed, **book.positions}
    return account_row(book), [position_row(holdings[symbol]) for symbol in sorted(holdings)]
