"""What a gate says of a batch: what is believed, and each row that is not, with its reason.

Owns the shape of verdicts and how a row is put into quarantine.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trading_dashboard.agents.market_data.quality.reasons import WORDS, Reason
from trading_dashboard.agents.market_data.records import (
    Bars,
    CorporateEvent,
    Flags,
    Integers,
    Ticks,
)
from trading_dashboard.agents.market_data.store.contract import Rejected

MAX_ROW_CHARACTERS = 2_000
MAX_DETAIL_CHARACTERS = 300
_COLUMNS = ("start", "open", "high", "low", "close", "volume")

Judged = Sequence[tuple[Integers, Reason]]
"""Rows, by their index in the batch, and why each group is not believed; a row is in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickVerdict:
    """What a `TickGate` says of a batch.

    Attributes:
        good: What is believed, in the order of arrival; ticks of earlier batches that waited for
            others to confirm them come first.
        is_extended: bool[n] of `good`: made outside regular hours, or within the pause.
        bad: In quarantine from now on; may be of earlier batches, too.
        received: Ticks that came in this batch.
        repeated: Indications without a trade (size 0) that repeat the one before: nothing new, and
            nothing wrong, so neither good nor bad.
        released: How many of `good` had waited since an earlier batch.
        waiting: How many ticks wait now, of all symbols.
    """

    good: Ticks
    is_extended: Flags
    bad: Sequence[Rejected] = ()
    received: int = 0
    repeated: int = 0
    released: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BarVerdict:
    """What a `BarGate` says of bars and the corporate actions that came with them.

    Attributes:
        good: What is believed, oldest first, each start once.
        actions: The corporate actions that are believed, in their order.
        bad: In quarantine from now on; an action has no interval.
        received: Rows that came.
        repeated: Identical duplicates, of which one was kept.
        reordered: Whether the rows had to be sorted.
    """

    good: Bars
    actions: Sequence[CorporateEvent] = ()
    bad: Sequence[Rejected] = ()
    received: int = 0
    repeated: int = 0
    reordered: bool = False
    reasons: Mapping[str, int] = field(default_factory=dict)


def counted(bad: Sequence[Rejected]) -> dict[str, int]:
    """Return how many rows each reason has."""
    return dict(Counter(row.reason for row in bad))


def rejected_ticks(ticks: Ticks, judged: Judged, names: Sequence[str]) -> list[Rejected]:
    """Return ticks as rows of the quarantine, in the order of arrival.

    Args:
        ticks: The batch.
        judged: Which of its rows, and why.
        names: The symbol of each row that is in `judged`, in the order of `judged`.
    """
    rows: list[tuple[int, Rejected]] = []
    left = iter(names)
    for places, reason in judged:
        columns = (
            getattr(ticks, name)[places].tolist() for name in ("at", "price", "size", "received")
        )
        for place, *row in zip(places.tolist(), *columns, strict=True):
            rows.append((place, rejected_tick(ticks.source, next(left), reason, *row)))
    rows.sort(key=lambda row: row[0])
    return [row for _, row in rows]


def rejected_tick(
    source: str, symbol: str, reason: Reason, at: int, price: float, size: float, received: int
) -> Rejected:
    """Return one tick as a row of the quarantine."""
    return Rejected(
        source=source,
        symbol=symbol,
        interval="",
        at=at if at > 0 else None,
        received=received,
        reason=reason.value,
        detail=WORDS[reason],
        row=_json({"at": at, "price": price, "size": size}),
    )


def rejected_bars(
    bars: Bars, judged: Judged, received: int, details: Mapping[int, str]
) -> list[Rejected]:
    """Return bars as rows of the quarantine, oldest first.

    `details` has words for single rows where there is more to say than the reason's own.
    """
    rows: list[Rejected] = []
    for places, reason in judged:
        columns = [getattr(bars, name)[places].tolist() for name in _COLUMNS]
        for place, *row in zip(places.tolist(), *columns, strict=True):
            rows.append(
                Rejected(
                    source=bars.source,
                    symbol=bars.symbol,
                    interval=bars.interval,
                    at=row[0] if row[0] > 0 else None,
                    received=received,
                    reason=reason.value,
                    detail=details.get(place, WORDS[reason])[:MAX_DETAIL_CHARACTERS],
                    row=_json(dict(zip(_COLUMNS, row, strict=True))),
                )
            )
    rows.sort(key=lambda row: row.at or 0)
    return rows


def rejected_action(
    event: CorporateEvent, reason: Reason, received: int, detail: str = ""
) -> Rejected:
    """Return a corporate action as a row of the quarantine."""
    return Rejected(
        source=event.source,
        symbol=event.symbol,
        interval="",
        at=event.ex_day * 86_400_000_000,
        received=received,
        reason=reason.value,
        detail=(detail or WORDS[reason])[:MAX_DETAIL_CHARACTERS],
        row=_json({"ex_day": event.ex_day, "ratio": event.ratio, "amount": event.amount}),
    )


def rejected_batch(
    source: str, symbol: str, interval: str, received: int, shape: object
) -> Rejected:
    """Return a whole batch that cannot be read as one row of the quarantine."""
    return Rejected(
        source=source,
        symbol=symbol,
        interval=interval,
        at=None,
        received=received,
        reason=Reason.UNREADABLE.value,
        detail=WORDS[Reason.UNREADABLE],
        row=_json({"columns": shape}),
    )


def places_of(flags: Flags) -> Integers:
    """Return int64[m]: where the flags are set."""
    return np.flatnonzero(flags).astype(np.int64)


def _json(row: Mapping[str, object]) -> str:
    """Return a row as JSON, numbers that JSON does not have as text."""
    plain = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
    return json.dumps(plain, default=str)[:MAX_ROW_CHARACTERS]
