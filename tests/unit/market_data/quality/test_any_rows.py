"""Whatever comes: no gate fails, no row disappears, and what is served is sound."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.market_data.quality.provider_ticks import DAY, FIRST_DAY, OPEN, weekdays
from trading_dashboard.agents.market_data.quality.bar_gate import BarContext, BarGate
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, CorporateEvent, Ticks

SESSIONS = weekdays()
NOON = FIRST_DAY * DAY + OPEN + 3600 * MICROSECONDS

numbers = st.one_of(
    st.floats(), st.floats(99, 101), st.sampled_from([100.0, 0.0, -0.0, 1e308, 5e-324, 80.0])
)
times = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(NOON - 10 * MICROSECONDS, NOON + 10 * MICROSECONDS),
    st.sampled_from([-1, 0, NOON, NOON + DAY, NOON - 7200 * MICROSECONDS]),
)
tick_rows = st.lists(
    st.tuples(st.integers(-2, 3), times, numbers, numbers), min_size=1, max_size=40
)
bar_rows = st.lists(
    st.tuples(times, numbers, numbers, numbers, numbers, numbers, st.booleans(), st.integers(0, 2)),
    max_size=30,
)
actions = st.lists(
    st.builds(
        lambda day, ratio, amount: CorporateEvent(
            source="s", symbol="A", ex_day=day, ratio=ratio, amount=amount
        ),
        st.integers(FIRST_DAY - 5, FIRST_DAY + 30),
        st.none() | st.floats() | st.sampled_from([2.0, 0.5]),
        st.none() | st.floats(),
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(tick_rows, min_size=1, max_size=5))
def test_ticks(batches: list[list[tuple[int, int, float, float]]]) -> None:
    gate, scorer = TickGate(lambda _: SESSIONS), Scorer(clock=lambda: NOON / MICROSECONDS)
    received = good = bad = repeated = 0
    for rows in batches:
        symbol, at, price, size = zip(*rows, strict=True)
        ticks = Ticks(
            source="s",
            symbols=("A", "B"),
            symbol=np.array(symbol, dtype=np.int32),
            at=np.array(at, dtype=np.int64),
            price=np.array(price, dtype=np.float64),
            size=np.array(size, dtype=np.float64),
            received=np.full(len(rows), NOON),
        )
        verdict = gate.check(ticks)
        scorer.note_ticks(ticks, verdict)
        received += len(rows)
        good += len(verdict.good)
        bad += len(verdict.bad)
        repeated += verdict.repeated
        assert received == good + bad + repeated + verdict.waiting
        served = verdict.good
        assert len(served) == len(verdict.is_extended)
        assert (np.isfinite(served.price) & (served.price > 0) & (served.size >= 0)).all()
        assert ((served.symbol >= 0) & (served.symbol < len(served.symbols))).all()
        assert (served.at <= NOON + 5 * MICROSECONDS).all()
    assert received == good + bad + repeated + len(gate.give_up())
    assert all(0 <= body["score"] <= 100 for body in scorer.report())


@settings(max_examples=200, deadline=None)
@given(
    bar_rows,
    actions,
    st.sampled_from(["1m", "1h", "1d", "1w", "1M", "100t"]),
    st.none() | numbers,
)
def test_bars(
    rows: list[tuple[int, float, float, float, float, float, bool, int]],
    events: list[CorporateEvent],
    interval: str,
    known: float | None,
) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * 8
    bars = Bars(
        source="s",
        symbol="A",
        interval=interval,
        start=np.array(columns[0], dtype=np.int64),
        open=np.array(columns[1], dtype=np.float64),
        high=np.array(columns[2], dtype=np.float64),
        low=np.array(columns[3], dtype=np.float64),
        close=np.array(columns[4], dtype=np.float64),
        volume=np.array(columns[5], dtype=np.float64),
        closed=np.array(columns[6], dtype=np.bool_),
        revision=np.array(columns[7], dtype=np.int32),
    )
    context = BarContext(
        now=NOON + DAY, sessions=SESSIONS, actions=events, previous_close=known, confirmed_by=known
    )
    verdict = BarGate().check(bars, context)
    refused = sum(1 for row in verdict.bad if row.interval)
    assert len(rows) == len(verdict.good) + refused + verdict.repeated
    good = verdict.good
    assert (np.diff(good.start) > 0).all()
    assert (good.low > 0).all()
    assert np.isfinite(good.high).all()
    assert ((good.low <= good.open) & (good.open <= good.high)).all()
    assert ((good.low <= good.close) & (good.close <= good.high)).all()
    assert all(event.ratio is None or math.isfinite(event.ratio) for event in verdict.actions)
    scorer = Scorer()
    scorer.note_bars(verdict)
    assert all(0 <= body["score"] <= 100 for body in scorer.report())
