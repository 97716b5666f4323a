"""Positions into a file that can be read back, and that no spreadsheet runs.

What is written: symbol, quantity, average cost, currency, and when the oldest lot was opened. Lots
and realised profit are the journal's, not the file's.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from trading_dashboard.agents.risk_management.transfer.rows import COLUMNS, Format, as_text
from trading_dashboard.models.risk.account import STEP, Position

MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def write_positions(positions: Iterable[Position], format_: Format) -> bytes:
    """Return a file of positions, in their order, UTF-8; those of nothing are left out."""
    rows = [_cells(one) for one in positions if one.quantity]
    if format_ == "json":
        return json.dumps({"positions": rows}, ensure_ascii=False, indent=2).encode() + b"\n"
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        # A number below zero begins with a sign, but is no formula: it stays a number.
        numbers = ("quantity", "average_cost")
        writer.writerow(
            [row[name] if name in numbers else as_text(row[name] or "") for name in COLUMNS]
        )
    return text.getvalue().encode()


# Private


def _cells(position: Position) -> dict[str, str | None]:
    opened = min((lot.opened_at for lot in position.lots), default=None)
    return {
        "symbol": position.symbol,
        "quantity": _plain(position.quantity),
        "average_cost": _plain(position.average_cost),
        "currency": position.currency,
        "opened_at": _moment(opened),
    }


def _plain(number: Decimal) -> str:
    """Return digits without an exponent, at most eight decimals."""
    text = format(number.quantize(STEP, ROUND_HALF_EVEN), "f")
    return text.rstrip("0").rstrip(".")


def _moment(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
