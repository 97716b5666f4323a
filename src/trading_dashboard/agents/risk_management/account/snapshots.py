"""A book as JSON values, and back: so that a start does not play a million entries.

Owns the form. Bump `FORMAT` when it changes; a snapshot of another form is left aside and the
journal is played instead.
"""

from __future__ import annotations

from collections import deque
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from trading_dashboard.agents.risk_management.account.holdings import Holding, Lot
from trading_dashboard.agents.risk_management.account.state import Day
from trading_dashboard.models.risk.account import Order

if TYPE_CHECKING:
    from trading_dashboard.agents.risk_management.account.book import Book

FORMAT = 1
_AMOUNTS = (
    "cash", "contributed", "contributed_fifo", "fees", "dividends", "realised", "realised_fifo",
)  # fmt: skip
_HOLDING_AMOUNTS = (
    "quantity", "cost", "cost_fifo", "realised", "realised_fifo", "dividends",
)  # fmt: skip


def dump(book: Book) -> dict[str, Any]:
    """Return all of a book as JSON values."""
    day = book.day
    return {
        "format": FORMAT,
        "seq": book.seq,
        "is_opened": book.is_opened,
        "currency": book.currency,
        **{name: str(getattr(book, name)) for name in _AMOUNTS},
        "positions": [_dump_holding(holding) for holding in book.positions.values()],
        "closed": [_dump_holding(holding) for holding in book.closed.values()],
        "orders": [
            [book.order_seqs[key], order.model_dump(mode="json")]
            for key, order in book.orders.items()
        ],
        "working": {symbol: list(ids) for symbol, ids in book.working.items()},
        "ended": list(book.ended),
        "client_ids": dict(book.client_ids),
        "actions": [[*key, seq] for key, seq in book.actions.items()],
        "day": day and {
            "session": day.session.isoformat(),
            "equity": _text(day.equity),
            "flows": str(day.flows),
            "prices": {symbol: str(price) for symbol, price in day.prices.items()},
        },
        "peak_equity": _text(book.peak_equity),
    }  # fmt: skip


def load(kind: type[Book], state: dict[str, Any]) -> Book:
    """Return a book equal to the one `state` was made of.

    Raises:
        ValueError: It has another form.
    """
    if state.get("format") != FORMAT:
        raise ValueError(f"a snapshot of format {state.get('format')}, not {FORMAT}")
    day = state["day"]
    amounts: dict[str, Any] = {name: Decimal(state[name]) for name in _AMOUNTS}
    book = kind(
        seq=state["seq"],
        is_opened=state["is_opened"],
        currency=state["currency"],
        **amounts,
        positions={row["symbol"]: _load_holding(row) for row in state["positions"]},
        closed={row["symbol"]: _load_holding(row) for row in state["closed"]},
        orders={row["id"]: Order.model_validate(row) for _, row in state["orders"]},
        order_seqs={row["id"]: seq for seq, row in state["orders"]},
        working={symbol: list(ids) for symbol, ids in state["working"].items()},
        ended=deque(state["ended"]),
        client_ids=dict(state["client_ids"]),
        actions={(row[0], row[1], row[2]): row[3] for row in state["actions"]},
        peak_equity=_decimal(state["peak_equity"]),
    )
    if day:
        prices = {symbol: Decimal(price) for symbol, price in day["prices"].items()}
        book.day = Day(
            date.fromisoformat(day["session"]),
            _decimal(day["equity"]),
            Decimal(day["flows"]),
            prices,
        )
    return book


def _dump_holding(holding: Holding) -> dict[str, Any]:
    return {
        "symbol": holding.symbol,
        "currency": holding.currency,
        **{name: str(getattr(holding, name)) for name in _HOLDING_AMOUNTS},
        "is_sample": holding.is_sample,
        "lots": [
            [lot.seq, lot.opened_at.isoformat(), lot.since.isoformat(), str(lot.quantity),
             str(lot.cost)]
            for lot in holding.lots
        ],
    }  # fmt: skip


def _load_holding(row: dict[str, Any]) -> Holding:
    lots = deque(
        Lot(
            seq,
            datetime.fromisoformat(opened_at),
            datetime.fromisoformat(since),
            Decimal(quantity),
            Decimal(cost),
        )
        for seq, opened_at, since, quantity, cost in row["lots"]
    )
    return Holding(
        symbol=row["symbol"],
        currency=row["currency"],
        lots=lots,
        is_sample=row["is_sample"],
        **{name: Decimal(row[name]) for name in _HOLDING_AMOUNTS},
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
