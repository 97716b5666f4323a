"""A pushed market on the stream: the newest state, at its pace, of one source."""

from __future__ import annotations

import pytest

from tests.unit.market_data.streaming.conftest import SOURCE, Bench, bars_of, drained
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.agents.market_data.streaming.live_state import SymbolState, bar_rows
from trading_dashboard.agents.market_data.streaming.readership import (
    MAX_PATTERNS,
    TooManyPatterns,
    matches,
)
from trading_dashboard.agents.market_data.streaming.ring import KEPT_SECONDS
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.models.errors import UnknownSymbol
from trading_dashboard.models.market_api import (
    BarUpdate,
    MarketReset,
    PriceTick,
    SymbolSnapshot,
)


def test_a_snapshot_and_then_ticks(bench: Bench) -> None:
    bench.tick(("BTC/USD", 10.0), ("BTC/USD", 11.0))
    reader = bench.reader("btc/usd")
    clock, snapshot = drained(reader)
    assert clock.type == "clock"
    assert isinstance(snapshot, SymbolSnapshot)
    assert (snapshot.price.price, snapshot.price.seq, snapshot.price.source) == (11, 2, "ccxt:test")
    assert (snapshot.price.replay, snapshot.price.volume) == (False, 2)
    bench.tick(("BTC/USD", 12.0), ("BTC/USD", 13.0), ("BTC/USD", 14.0))
    (tick,) = drained(reader)
    assert isinstance(tick, PriceTick)
    assert (tick.price.price, tick.conflated) == (14.0, 2)
    assert tick.event is not None
    assert tick.event > (snapshot.event or 0)


def test_ticks_keep_their_pace_and_none_is_lost_uncounted(bench: Bench) -> None:
    bench.tick(("A", 1.0))
    reader = bench.reader("A")
    drained(reader)
    for number in range(12):
        bench.tick(("A", 2.0 + number), step=0.01)
    first = drained(reader)
    assert 1 <= len(first) <= 3
    pause = bench.feed.pause({"A": ()})
    assert pause is not None
    bench.seconds += pause
    bench.hub.advance()
    ticks = [message for message in [*first, *drained(reader)] if isinstance(message, PriceTick)]
    assert ticks[-1].price.price == 13.0
    assert sum(1 + tick.conflated for tick in ticks) == 12
    assert bench.feed.pause({"A": ()}) is None


def test_bars_form_close_and_are_amended(bench: Bench) -> None:
    bench.tick(("A", 1.0))
    reader = bench.reader("A", intervals=["1m"])
    drained(reader)
    bench.bars("A", [(0, 1.0, False, 0)])
    bench.bars("A", [(0, 2.0, False, 0)])
    bench.bars("A", [(0, 3.0, True, 0), (1, 3.0, False, 0)])
    bench.bars("A", [(0, 4.0, True, 1)])
    bench.bars("A", [(0, 4.0, True, 1), (0, 3.0, True, 0)])
    told = [
        (m.bar.close, m.bar.closed, m.bar.revision)
        for m in drained(reader)
        if isinstance(m, BarUpdate)
    ]
    # What waited while it formed is replaced; a bar that changed is told again, once.
    assert sorted(told) == [(3.0, False, 0), (3.0, True, 0), (4.0, True, 1)]
    late = bench.reader("A", intervals=["1m"])
    snapshot = drained(late)[-1]
    assert isinstance(snapshot, SymbolSnapshot)
    forming = snapshot.bars["1m"]
    assert forming is not None
    assert (forming.close, forming.closed) == (3.0, False)


def test_series_of_different_sources_are_never_mixed(bench: Bench) -> None:
    bench.tick(("A", 1.0))
    reader = bench.reader("A")
    drained(reader)
    bench.tick(("A", 99.0), source="yahoo")
    assert drained(reader) == []
    assert bench.feed.ignored == 1
    bench.feed.serve("A", "yahoo")
    bench.tick(("A", 99.0), source="yahoo")
    messages = drained(reader)
    assert [m.type for m in messages] == ["reset", "snapshot"]
    reset, snapshot = messages
    assert isinstance(reset, MarketReset)
    assert (reset.reason, reset.symbol) == ("source_changed", "A")
    assert isinstance(snapshot, SymbolSnapshot)
    assert snapshot.price.source == "yahoo"


def test_patterns_take_in_what_is_listed_later(bench: Bench) -> None:
    bench.tick(("BTC/USD", 1.0), ("ETH/USD", 1.0))
    reader = bench.reader("BTC/*")
    assert [getattr(m, "symbol", "") for m in drained(reader)] == ["", "BTC/USD"]
    bench.tick(("BTC/EUR", 2.0), ("ETH/EUR", 2.0))
    bench.tick(("BTC/EUR", 3.0), ("BTC/USD", 3.0))
    assert [(m.type, getattr(m, "symbol", "")) for m in drained(reader)] == [
        ("snapshot", "BTC/EUR"), ("tick", "BTC/USD"), ("tick", "BTC/EUR"),
    ]  # fmt: skip
    bench.hub.unsubscribe(reader, ["BTC/*"], [])
    bench.tick(("BTC/EUR", 4.0), ("BTC/JPY", 4.0))
    assert drained(reader) == []


def test_patterns_are_bounded_and_cost_no_exponential_time(bench: Bench) -> None:
    reader = bench.hub.join()
    for number in range(MAX_PATTERNS):
        bench.hub.resolve(f"P{number}*", reader)
    with pytest.raises(TooManyPatterns):
        bench.hub.resolve("ONE*MORE", reader)
    with pytest.raises(TooManyPatterns):
        bench.hub.resolve("P0*" + "X" * 40, reader)
    assert bench.hub.resolve("p0*", reader) == "P0*"
    assert not matches("*" * 30 + "B", "A" * 5000)
    assert matches("B*/USD", "BTC/USD")
    assert not matches("B.C/USD*", "BTC/USD")


def test_unknown_symbols_are_refused(bench: Bench) -> None:
    with pytest.raises(UnknownSymbol):
        bench.hub.resolve("NOPE", bench.hub.join())


def test_leaving_takes_everything_along(bench: Bench) -> None:
    bench.tick(("A", 1.0))
    readers = [bench.reader("A", intervals=["1m"]), bench.reader("*")]
    assert dict(bench.hub._readership.wanted) == {"A": {"1m": 1}}
    bench.hub.unsubscribe(readers[0], ["A"], ["1m"])
    assert dict(bench.hub._readership.wanted) == {"A": {}}
    for reader in readers:
        bench.hub.leave(reader)
    assert not bench.hub._readership.wanted
    assert bench.hub.empty.is_set()


def test_who_comes_late_is_told_the_bars_that_form_now(bench: Bench) -> None:
    now = [bars_of("A", [(0, 1.0, False, 0)])]
    feed = LiveFeed(bench.clock, monotonic=lambda: bench.seconds, forming=lambda *_: now)
    bench.feed, bench.hub = feed, StreamHub(feed)
    bench.tick(("A", 1.0))
    assert feed.followed() == set()

    def forming(reader: Subscriber) -> float | None:
        (snapshot,) = (m for m in drained(reader) if isinstance(m, SymbolSnapshot))
        bar = snapshot.bars["1m"]
        return None if bar is None else bar.close

    first = bench.reader("A", intervals=["1m"])
    assert forming(first) == 1.0
    assert feed.followed() == {("A", "1m"), ("A", "1d")}

    # Everybody leaves, bars go on without being pushed, and somebody comes back.
    bench.hub.leave(first)
    bench.seconds += 10 * KEPT_SECONDS
    feed.keep()
    bench.hub.advance()
    assert feed.followed() == set()
    now[:] = [bars_of("A", [(7, 2.0, False, 0)])]
    assert forming(bench.reader("A", intervals=["1m"])) == 2.0


def test_a_bar_amended_before_anybody_followed_is_not_called_closed() -> None:
    state = SymbolState("A", SOURCE)
    first, amended = bar_rows(bars_of("A", [(0, 1.0, True, 0), (0, 1.5, True, 1)]))
    assert state.take_bar("1m", amended) == "amended"
    assert state.take_bar("1m", amended) is None
    state.forget_bars(["1m"])
    assert state.take_bar("1m", first) == "closed"
    assert state.take_bar("1m", amended) == "amended"
