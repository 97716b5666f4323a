"""The provider test set, ticks: seeded days of good ticks, and bad ones of every kind among them.

Owns the generator; the tests and bench/quality.py judge the gate by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions

DAY = 86_400 * MICROSECONDS
FIRST_DAY = (date(2026, 3, 2) - date(1970, 1, 1)).days
OPEN, CLOSE = 52_200 * MICROSECONDS, 75_600 * MICROSECONDS
SYMBOLS = tuple(f"S{number:02}" for number in range(12))
PER_DAY = 240
BATCH = 500


def weekdays(days: int = 28, *, has_break: bool = False) -> Sessions:
    """Return sessions on weekdays from 14:30 to 21:00 UTC, with a pause at 17:00 if wanted."""
    day = np.arange(FIRST_DAY, FIRST_DAY + days, dtype=np.int64)
    day = day[(day + 3) % 7 < 5]
    pause = np.full(len(day), 61_200 * MICROSECONDS if has_break else 0)
    return Sessions(
        calendar="TEST",
        time_zone="UTC",
        day=day,
        open_at=day * DAY + OPEN,
        close_at=day * DAY + CLOSE,
        break_start=np.where(pause, day * DAY + pause, 0),
        break_end=np.where(pause, day * DAY + pause + 3600 * MICROSECONDS, 0),
    )


@dataclass(slots=True)
class Row:
    """One tick; `kind` is empty for a good one."""

    kind: str
    symbol: int
    at: int
    price: float
    size: float
    arrives: int


@dataclass(slots=True)
class Outcome:
    """What became of a test set, by kind of row."""

    bad: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, set[str]] = field(default_factory=dict)
    good: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


def _prices(rng: np.random.Generator) -> list[Row]:
    """Return good ticks of some days: quiet and wild symbols, nights, one that crashes."""
    rows = []
    days = weekdays().day[:4]
    for symbol in range(len(SYMBOLS)):
        price = float(np.exp(rng.uniform(-1, 6)))
        sigma = float(10 ** rng.uniform(-4.3, -2.6))
        for count, day in enumerate(days.tolist()):
            price *= float(np.exp(np.clip(rng.normal(0, 0.02), -0.05, 0.05)))
            times = np.sort(rng.choice((CLOSE - OPEN) // 1000, PER_DAY, replace=False)) * 1000
            for place, time in enumerate((day * DAY + OPEN + times).tolist()):
                kind = ""
                if symbol == 3 and count == 2 and place == 100:
                    price *= 0.8  # at once, and it stays there
                if symbol == 4 and count == 2 and 100 <= place < 106:
                    price *= 0.95  # in steps
                if (symbol, count) in {(3, 2), (4, 2)} and 100 <= place < 110:
                    kind = "good: crash"
                price *= float(np.exp(rng.normal(0, sigma)))
                size = float(rng.integers(1, 500))
                rows.append(Row(kind, symbol, time, price, size, time + 40_000))
        late = rows[-5]
        late.kind, late.arrives = "good: late", late.arrives + 60 * MICROSECONDS
        evening = days[1] * DAY + CLOSE + 1800 * MICROSECONDS
    for symbol in range(0, len(SYMBOLS), 3):
        last = max(
            (row for row in rows if row.symbol == symbol and row.at < evening),
            key=lambda row: row.at,
        )
        at = int(last.at - last.at % DAY + CLOSE + 600 * MICROSECONDS)
        rows.append(Row("good: extended", symbol, at, last.price, 10.0, at + 1))
    return rows


def _change(kind: str, **changes: Callable[[Row], float]) -> Callable[[Row], Row]:
    def make(row: Row) -> Row:
        values = {name: change(row) for name, change in changes.items()}
        made = Row(kind, row.symbol, row.at + 1000, row.price, row.size, row.arrives + 1000)
        for name, value in values.items():
            setattr(made, name, value)
        return made

    return make


BAD: dict[str, Callable[[Row], Row]] = {
    kind: _change(kind, **changes)
    for kind, changes in {
        "price NaN": {"price": lambda _: np.nan},
        "price infinite": {"price": lambda _: np.inf},
        "price minus infinite": {"price": lambda _: -np.inf},
        "price zero": {"price": lambda _: 0.0},
        "price negative": {"price": lambda row: -row.price},
        "size NaN": {"size": lambda _: np.nan},
        "size infinite": {"size": lambda _: np.inf},
        "size negative": {"size": lambda row: -row.size},
        "time unreadable": {"at": lambda _: -1},
        "time zero": {"at": lambda _: 0},
        "time in the future": {"at": lambda row: row.arrives + 60 * MICROSECONDS},
        "time in 2200": {"at": lambda _: 7_258_118_400 * MICROSECONDS},
        "time in milliseconds": {"at": lambda row: row.at // 1000},
        "time of 1970": {"at": lambda row: row.at % DAY + 1},
        "two months old": {"at": lambda row: row.at - 60 * DAY},
        "at night": {"at": lambda row: row.at - row.at % DAY + 4 * 3600 * MICROSECONDS},
        "two hours late": {"at": lambda row: row.at - 7200 * MICROSECONDS},
        "duplicate": {"at": lambda row: row.at},
        "symbol out of range": {"symbol": lambda _: 10_000},
        "symbol negative": {"symbol": lambda _: -1},
        "fat finger x10": {"price": lambda row: row.price * 10},
        "fat finger /10": {"price": lambda row: row.price / 10},
        "fat finger x100": {"price": lambda row: row.price * 100},
        "fat finger +40 %": {"price": lambda row: row.price * 1.4},
        "fat finger -40 %": {"price": lambda row: row.price * 0.6},
        "fat finger x1e300": {"price": lambda row: row.price * 1e300},
        "fat finger x1e-300": {"price": lambda row: row.price * 1e-300},
    }.items()
}
TWICE = "fat finger twice"


def tick_rows(seed: int) -> list[Row]:
    """Return good rows and bad ones, in the order of arrival."""
    rng = np.random.default_rng(seed)
    rows = _prices(rng)
    rows.sort(key=lambda row: row.at)
    usable = [
        row
        for row in rows
        if not row.kind and row.at % DAY > OPEN + 3 * 3600 * MICROSECONDS  # room for late ones
    ]
    places = iter(rng.permutation(len(usable)).tolist())
    for make in BAD.values():
        for _ in range(6):
            rows.append(make(usable[next(places)]))
    for _ in range(4):
        row = usable[next(places)]
        for later in (1000, 2000):
            rows.append(
                Row(TWICE, row.symbol, row.at + later, row.price * 3, 7.0, row.arrives + later)
            )
    weekend = next(row for row in usable if row.symbol == 0)
    saturday = (FIRST_DAY + 5) * DAY + OPEN + 3600 * MICROSECONDS
    rows.append(Row("at the weekend", 0, saturday, weekend.price, 5.0, saturday + 1000))
    rows.sort(key=lambda row: row.arrives)
    return rows


def batches(rows: Sequence[Row], source: str = "test") -> list[Ticks]:
    """Return the rows as batches; `received` is unique, so that each row can be told."""
    received = np.maximum.accumulate(np.array([row.arrives for row in rows], dtype=np.int64))
    received += np.arange(len(rows))
    made = []
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        made.append(
            Ticks(
                source=source,
                symbols=SYMBOLS,
                symbol=np.array([row.symbol for row in part], dtype=np.int32),
                at=np.array([row.at for row in part], dtype=np.int64),
                price=np.array([row.price for row in part]),
                size=np.array([row.size for row in part]),
                received=received[first : first + len(part)],
            )
        )
    return made


def judge_ticks(seed: int, gate: TickGate) -> Outcome:
    """Put a test set through a gate and say what became of it."""
    rows = tick_rows(seed)
    by_received: dict[int, Row] = {}
    served: Counter[int] = Counter()
    refused: dict[int, str] = {}
    place = 0
    for ticks in batches(rows):
        for number in ticks.received.tolist():
            by_received[number] = rows[place]
            place += 1
        verdict = gate.check(ticks)
        served.update(verdict.good.received.tolist())
        refused |= {row.received: row.reason for row in verdict.bad}
    refused |= {row.received: row.reason for row in gate.give_up()}
    outcome = Outcome()
    for number, row in by_received.items():
        is_good = not row.kind or row.kind.startswith("good")
        if is_good:
            outcome.good[row.kind or "good"] += 1
            outcome.lost[row.kind or "good"] += served[number] != 1 or number in refused
        else:
            outcome.bad[row.kind] += 1
            outcome.quarantined[row.kind] += served[number] == 0 and number in refused
            outcome.reasons.setdefault(row.kind, set()).add(refused.get(number, "served"))
    return outcome


def open_gate() -> TickGate:
    """Return the control: a gate that lets everything pass."""
    from trading_dashboard.agents.market_data.quality.verdicts import TickVerdict

    class Open(TickGate):
        def check(self, ticks: Ticks) -> TickVerdict:
            return TickVerdict(good=ticks, is_extended=np.zeros(len(ticks), dtype=np.bool_))

    return Open(lambda _: None)
