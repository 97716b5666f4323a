"""Bars as JSON, from columns: no dictionary per bar.

Owns the text of `HistoricalResponse`. Each column becomes text in one call of orjson, whose cells
are then laid between the names. What all bars say alike (often closed, score, revision) is written
once and goes with the names; that takes a third of the time of a dictionary per bar.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.market import BarsAnswer, Columns

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
_BEFORE_SOURCE = ("open", "high", "low", "close", "volume", "adjusted_close")
_AFTER_SOURCE = ("quality_score", "closed", "revision")


def history_json(answer: BarsAnswer) -> bytes:
    """Return the body of `/historical`; dates that nobody named are the bars' own."""
    head, columns = answer.head, answer.columns()
    days = _days(columns["start"])
    body = {
        **head,
        "start_date": head.get("start_date") or days[0],
        "end_date": head.get("end_date") or days[1],
        "data_points": len(columns["start"]),
        "data": orjson.Fragment(rows_json(str(head["source"]), columns)),
    }
    return orjson.dumps(body)


def rows_json(source: str, columns: Columns) -> bytes:
    """Return the array of bars shaped like `models.market.Bar`."""
    count = len(columns["start"])
    if not count:
        return b"[]"
    given = b',"source":%b' % orjson.dumps(source)
    laid: list[tuple[bytes, list[bytes]]] = [
        (b'{"timestamp":', _cells(columns["start"].astype("datetime64[us]")))
    ]
    fixed = b""
    for name in (*_BEFORE_SOURCE, "", *_AFTER_SOURCE):
        if not name:
            fixed += given
        elif name in columns:
            fixed += b',"%b":' % name.encode()
            cells = _of_all(columns, name) or _column(columns, name)
            if isinstance(cells, bytes):
                fixed += cells
            else:
                laid.append((fixed, cells))
                fixed = b""
    width = 2 * len(laid) + 1
    pieces: list[bytes] = [fixed + b"},"] * (count * width)
    for at, (before, cells) in enumerate(laid):
        pieces[2 * at :: width] = [before] * count
        pieces[2 * at + 1 :: width] = cells
    pieces[-1] = fixed + b"}"
    return b"[%b]" % b"".join(pieces)


def _of_all(columns: Columns, name: str) -> bytes | None:
    """Return the text of a column's cells if all say the same."""
    column = columns[name]
    first = column[0]
    # Most columns differ in their last row already.
    is_nan = bool(np.isnan(first))
    if not is_nan and first != column[-1]:
        return None
    same = np.isnan(column) if is_nan else column == first
    return _column({name: column[:1]}, name)[0] if same.all() else None


def _column(columns: Columns, name: str) -> list[bytes]:
    column = columns[name]
    # Shares are counted: whole volumes are written as whole numbers, as they always were.
    if name == "volume" and column.dtype.kind == "f" and np.all(column == np.floor(column)):
        column = column.astype(np.int64)
    return _cells(column)


def _cells(column: NDArray[Any]) -> list[bytes]:
    """Return the JSON text of each cell; NaN is null."""
    return orjson.dumps(np.ascontiguousarray(column), option=_OPTIONS)[1:-1].split(b",")


def _days(start: NDArray[np.int64]) -> tuple[str | None, str | None]:
    if not len(start):
        return None, None
    first, last = start[[0, -1]].astype("datetime64[us]").astype("datetime64[D]").tolist()
    return first.isoformat(), last.isoformat()
