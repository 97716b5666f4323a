"""The provider test set, bars: seeded series with bad rows and actions of every kind among them.

Owns the generator; the tests and bench/quality.py judge the gate by it. A case is one answer of a
provider with one kind of trouble, and what is wrong in it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tests.unit.market_data.quality.provider_ticks import DAY, Outcome, weekdays
from trading_dashboard.agents.market_data.quality.bar_gate import BarContext, BarGate
from trading_dashboard.agents.market_data.quality.verdicts import BarVerdict
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent
from trading_dashboard.agents.market_data.sessions import Sessions

Values = tuple[int, float, float, float, float, float]
MINUTE = 60_000_000
LONG = weekdays(400)
PAUSED = weekdays(10, has_break=True)


@dataclass(slots=True)
class Case:
    """Rows in the order they come; `bad` and `bad_actions` are by index."""

    kind: str
    interval: str
    sessions: Sessions
    rows: list[Values]
    bad: set[int] = field(default_factory=set)
    actions: list[CorporateEvent] = field(default_factory=list)
    bad_actions: set[int] = field(default_factory=set)
    extra_copies: int = 0
    """Identical rows of which one is to be kept."""
    previous_close: float | None = None
    now: int = 0

    def bars(self) -> Bars:
        """Return the rows as bars."""
        return Bars.of("test", "S", self.interval, self.rows)

    def context(self) -> BarContext:
        """Return what is known beside them."""
        return BarContext(
            now=self.now,
            sessions=self.sessions,
            actions=self.actions,
            previous_close=self.previous_close,
        )


def series(rng: np.random.Generator, interval: str) -> Case:
    """Return a sound series of 200 to 300 bars: quiet or wild, with a crash that stays."""
    if interval == "1d":
        start = LONG.day[:250] * DAY
        sessions, sigma = LONG, float(10 ** rng.uniform(-2.3, -1.5))
    else:
        day = int(PAUSED.open_at[1])
        morning = np.arange(day, int(PAUSED.break_start[1]), MINUTE)
        start = np.concatenate(
            (morning, np.arange(int(PAUSED.break_end[1]), day + 280 * MINUTE, MINUTE))
        )
        sessions, sigma = PAUSED, float(10 ** rng.uniform(-3.7, -2.7))
    moves = rng.normal(0, sigma, len(start)).clip(-3 * sigma, 3 * sigma)
    moves[len(start) // 3] = math.log(0.7) if interval == "1d" else math.log(0.9)
    close = float(np.exp(rng.uniform(0, 6))) * np.exp(np.cumsum(moves))
    before = np.concatenate(([close[0] / math.exp(moves[0])], close[:-1]))
    opens = before * np.exp(moves * rng.uniform(0, 0.5, len(start)))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0, sigma / 2, len(start))))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0, sigma / 2, len(start))))
    volume = rng.integers(1_000, 100_000, len(start)).astype(float)
    columns = (start, opens, high, low, close, volume)
    rows: list[Values] = list(zip(*(column.tolist() for column in columns), strict=True))
    case = Case("", interval, sessions, rows, now=int(start[-1]) + DAY)
    case.previous_close = float(before[0])
    return case


def _put(row: Values, **values: float) -> Values:
    names = ("start", "open", "high", "low", "close", "volume")
    put = dict(zip(names, row, strict=True)) | values
    return (
        int(put["start"]), put["open"], put["high"], put["low"], put["close"], put["volume"],
    )  # fmt: skip


def _scaled(row: Values, factor: float) -> Values:
    start, *prices, volume = row
    opens, high, low, close = (price * factor for price in prices)
    return (start, opens, high, low, close, volume)


ROW_KINDS: dict[str, Callable[[Values], Values]] = {
    "close NaN": lambda row: _put(row, close=math.nan),
    "high infinite": lambda row: _put(row, high=math.inf),
    "all NaN": lambda row: (row[0], math.nan, math.nan, math.nan, math.nan, math.nan),
    "volume NaN": lambda row: _put(row, volume=math.nan),
    "open zero": lambda row: _put(row, open=0.0, low=0.0),
    "low negative": lambda row: _put(row, low=-1.0),
    "volume negative": lambda row: _put(row, volume=-5.0),
    "high below low": lambda row: _put(row, high=row[3], low=row[2] * 1.001),
    "close above high": lambda row: _put(row, close=row[2] * 1.001),
    "close below low": lambda row: _put(row, close=row[3] * 0.999),
    "open above high": lambda row: _put(row, open=row[2] * 1.001),
    "open below low": lambda row: _put(row, open=row[3] * 0.999),
    "no time": lambda row: _put(row, start=-1),
    "flat without volume": lambda row: (row[0], row[4], row[4], row[4], row[4], 0.0),
    "in the future": lambda row: _put(row, start=row[0] + 3000 * DAY),
    "on a Saturday": lambda row: _put(row, start=(row[0] // DAY + (2 - row[0] // DAY) % 7) * DAY),
    "not aligned": lambda row: _put(row, start=row[0] + 17_000_000),
    "ten times": lambda row: _scaled(row, 10.0),
    "a tenth": lambda row: _scaled(row, 0.1),
    "half": lambda row: _scaled(row, 0.5),
    "one and a half": lambda row: _scaled(row, 1.5),
    "cents for dollars": lambda row: _scaled(row, 100.0),
    "spike up": lambda row: _put(row, high=row[2] * 3),
    "spike down": lambda row: _put(row, low=row[3] / 3),
    "open far off": lambda row: _put(row, open=row[1] * 4, high=row[2] * 4),
}  # fmt: skip
"""One row made bad in place."""


def _in_place(
    kind: str, make: Callable[[Values], Values], rng: np.random.Generator
) -> Iterator[Case]:
    for interval in ("1d", "1m"):
        case = series(rng, interval)
        case.kind = kind
        used = {len(case.rows) // 3 + step for step in range(-6, 7)}
        for place in sorted(
            rng.choice(np.arange(8, len(case.rows) - 8, 9), 6, replace=False).tolist()
        ):
            if place not in used:
                case.rows[place] = make(case.rows[place])
                case.bad.add(place)
        yield case


def _mixed(rng: np.random.Generator) -> Iterator[Case]:
    """Yield a bad day: every third row is bad in its own way, some side by side."""
    for interval in ("1d", "1m"):
        case = replace(series(rng, interval), kind="all kinds at once")
        crash = len(case.rows) // 3
        places = [
            place
            for place in range(10, len(case.rows) - 10)
            if place % 6 in {0, 1} and abs(place - crash) > 3
        ]
        for place in places:
            make = list(ROW_KINDS.values())[int(rng.integers(len(ROW_KINDS)))]
            case.rows[place] = make(case.rows[place])
            case.bad.add(place)
        yield case


def _several(rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases in which several rows go together."""
    case = replace(series(rng, "1d"), kind="stretch at half")
    for place in range(150, 154):
        case.rows[place] = _scaled(case.rows[place], 0.5)
        case.bad.add(place)
    yield case
    case = replace(series(rng, "1d"), kind="conflicting pair")
    case.rows.insert(121, _put(case.rows[120], close=(case.rows[120][3] + case.rows[120][2]) / 2))
    case.bad |= {120, 121}
    yield case
    for place in (120, 121):
        case = replace(series(rng, "1d"), kind="one of a pair fits")
        case.rows.insert(place, _scaled(case.rows[120], 10.0))
        case.bad = {place}
        yield case
    case = replace(series(rng, "1m"), kind="newest bar jumps")
    case.rows[-1] = _scaled(case.rows[-1], 1.5)
    case.bad = {len(case.rows) - 1}
    yield case
    case = replace(series(rng, "1d"), kind="split not listed")
    case.rows[100] = _put(case.rows[100], open=case.rows[99][4])
    case.rows[100] = _put(
        case.rows[100],
        high=max(case.rows[100][1:5]),
        low=min(case.rows[100][1:5]),
    )
    case.rows[100:] = [_scaled(row, 0.25) for row in case.rows[100:]]
    case.bad = {100}
    yield case


def _event(day: int, ratio: float | None, amount: float | None = None) -> CorporateEvent:
    return CorporateEvent(source="test", symbol="S", ex_day=day, ratio=ratio, amount=amount)


def _of_actions(rng: np.random.Generator) -> Iterator[Case]:
    wrong: dict[str, tuple[float | None, float | None]] = {
        "split not visible": (2.0, None),
        "reverse split not visible": (0.1, None),
        "ratio zero": (0.0, None),
        "ratio negative": (-2.0, None),
        "ratio NaN": (math.nan, None),
        "ratio infinite": (math.inf, None),
        "ratio one": (1.0, None),
        "dividend negative": (None, -1.0),
        "dividend NaN": (None, math.nan),
        "dividend above the price": (None, 1e6),
        "neither": (None, None),
        "both": (2.0, 1.0),
    }
    for kind, (ratio, amount) in wrong.items():
        case = replace(series(rng, "1d"), kind=f"action: {kind}")
        case.actions = [_event(case.rows[150][0] // DAY, ratio, amount)]
        case.bad_actions = {0}
        yield case


def good_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Yield answers without anything wrong."""
    for interval in ("1d", "1m"):
        yield replace(series(rng, interval), kind="good")
        case = replace(series(rng, interval), kind="good: out of order")
        order = rng.permutation(len(case.rows)).tolist()
        case.rows = [case.rows[place] for place in order]
        yield case
        case = replace(series(rng, interval), kind="good: identical rows")
        case.rows += case.rows[40:45]
        case.extra_copies = 5
        yield case
    for ratio in (2.0, 1.5, 7.0, 0.1):
        case = replace(series(rng, "1d"), kind="good: a listed split")
        case.rows[150:] = [_scaled(row, 1 / ratio) for row in case.rows[150:]]
        case.actions = [_event(case.rows[150][0] // DAY, ratio)]
        yield case
    case = replace(series(rng, "1d"), kind="good: a dividend")
    paid = case.rows[149][4] * 0.4
    factor = 1 - paid / case.rows[149][4]
    case.rows[150:] = [_scaled(row, factor) for row in case.rows[150:]]
    case.actions = [_event(case.rows[150][0] // DAY, None, paid)]
    yield case


def cases(seed: int) -> Iterator[Case]:
    """Yield the whole set."""
    rng = np.random.default_rng(seed)
    yield from good_cases(rng)
    for kind, make in ROW_KINDS.items():
        yield from _in_place(kind, make, rng)
    yield from _several(rng)
    yield from _mixed(rng)
    yield from _of_actions(rng)


def _key(values: Sequence[float]) -> str:
    return repr([float(value) for value in values])


def _keys_of(verdict: BarVerdict) -> tuple[Counter[str], Counter[str], int]:
    good = verdict.good
    columns = (good.start, good.open, good.high, good.low, good.close, good.volume)
    served = Counter(
        _key(row) for row in zip(*(column.tolist() for column in columns), strict=True)
    )
    refused = Counter(
        _key(list(json.loads(row.row).values())) for row in verdict.bad if row.interval
    )
    return served, refused, sum(1 for row in verdict.bad if not row.interval)


def judge_bars(seed: int, gate: BarGate) -> Outcome:
    """Put a test set through a gate and say what became of it."""
    outcome = Outcome()
    for case in cases(seed):
        verdict = gate.check(case.bars(), case.context())
        served, refused, bad_actions = _keys_of(verdict)
        copies = case.extra_copies
        for place, row in enumerate(case.rows):
            key = _key(row)
            if place in case.bad:
                outcome.bad[case.kind] += 1
                outcome.quarantined[case.kind] += not served[key] and refused[key] > 0
                refused[key] -= 1
            elif served[key]:
                outcome.good[case.kind] += 1
                served[key] -= 1
            elif copies:
                copies -= 1
            else:
                outcome.good[case.kind] += 1
                outcome.lost[case.kind] += 1
        good_actions = len(case.actions) - len(case.bad_actions)
        outcome.good[f"{case.kind}: actions"] += good_actions
        outcome.lost[f"{case.kind}: actions"] += max(0, good_actions - len(verdict.actions))
        if case.bad_actions:
            outcome.bad[case.kind] += len(case.bad_actions)
            outcome.quarantined[case.kind] += bad_actions
        outcome.reasons.setdefault(case.kind, set()).update(row.reason for row in verdict.bad)
    return outcome


def open_gate() -> BarGate:
    """Return the control: a gate that lets everything pass."""

    class Open(BarGate):
        def check(self, bars: Bars, context: BarContext) -> BarVerdict:
            return BarVerdict(good=bars, actions=context.actions, received=len(bars))

    return Open()
