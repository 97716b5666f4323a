"""Candlesticks: TA-Lib's own patterns, the same live and in history, right at the edges."""

from __future__ import annotations

import re

import numpy as np
import pytest
import talib

from tests.unit.pattern_recognition.candles.series import real, rows_of, walk
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candles import exact
from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLE_NUMBERS, CANDLES
from trading_dashboard.agents.pattern_recognition.candles.detector import (
    CANDLE_LOOKBACK,
    detect_candles,
    latest_candles,
    latest_candles_of,
)
from trading_dashboard.agents.pattern_recognition.candles.exact import Piece, SoundRows
from trading_dashboard.models.errors import UnknownPattern

WARM = 20
SERIES = {
    "real AAPL": real("AAPL", 400),
    "real MSFT": real("MSFT", 300),
    "walk": walk(1),
    "cents": walk(2, digits=2),
    "gaps": walk(3, gaps=0.05),
    "flats and gaps": walk(4, gaps=0.1, flats=0.3),
    "mostly gaps": walk(5, gaps=0.7),
    "wild": walk(6, 300, volatility=0.3, digits=2),
    "units change": walk(7, 200, volatility=0.15, splits=3),
    "all at once": walk(8, 200, volatility=0.1, gaps=0.05, flats=0.05, splits=2, digits=2),
}


def bare(bars: Bars) -> np.ndarray:
    """Return what TA-Lib says, int32, shape ``(61, n)``."""
    prices = (bars.open, bars.high, bars.low, bars.close)
    return np.array([getattr(talib, kind.id)(*prices) for kind in CANDLES])


def found(bars: Bars) -> np.ndarray:
    hits = detect_candles(bars)
    table = np.zeros((len(CANDLES), len(bars)), np.bool_)
    table[hits.pattern, hits.bar] = True
    return table


@pytest.mark.parametrize("name", ["real AAPL", "real MSFT", "walk", "cents"])
def test_sound_bars_have_talibs_own_patterns(name: str) -> None:
    bars = SERIES[name]
    theirs = bare(bars)
    np.testing.assert_array_equal(found(bars)[:, WARM:], theirs[:, WARM:] != 0)
    hits = detect_candles(bars)
    values = theirs[hits.pattern, hits.bar]
    directed = np.array([kind.is_directed for kind in CANDLES])[hits.pattern]
    np.testing.assert_array_equal(hits.direction, np.where(directed, np.sign(values), 0))


@pytest.mark.parametrize("name", SERIES)
def test_the_last_bar_seen_live_is_the_bar_in_history(name: str) -> None:
    bars = SERIES[name]
    by_bar: dict[float, list[tuple[float, ...]]] = {}
    for hit in rows_of(detect_candles(bars)):
        by_bar.setdefault(hit[1], []).append(hit)
    ends = range(1, len(bars) + 1)
    tails = [bars.between(max(0, end - CANDLE_LOOKBACK), end) for end in ends]
    answers = latest_candles_of(tails)
    for end, tail, hits in zip(ends, tails, answers, strict=True):
        assert [(h[0], end - 1, *h[2:]) for h in rows_of(hits)] == by_bar.get(end - 1, [])
        if end % 25 == 0:
            assert rows_of(latest_candles(tail)) == rows_of(hits)


@pytest.mark.parametrize("name", SERIES)
def test_a_prefix_has_the_hits_known_by_then_and_no_others(name: str) -> None:
    bars = SERIES[name].prefix(140)
    whole = rows_of(detect_candles(bars))
    for end in range(len(bars) + 1):
        assert rows_of(detect_candles(bars.prefix(end))) == [h for h in whole if h[1] < end]


def test_rounding_would_tell_live_from_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control arm: with sums as TA-Lib finds them, some tie goes the other way."""

    def differences() -> int:
        count = 0
        for seed in range(5):
            bars = walk(100 + seed, 500, volatility=0.35, digits=1)
            whole = rows_of(detect_candles(bars))
            for end in range(200, 500, 4):
                tail = bars.between(end - CANDLE_LOOKBACK, end)
                live = [(h[0], h[2], h[3]) for h in rows_of(detect_candles(tail))
                        if h[1] == CANDLE_LOOKBACK - 1]  # fmt: skip
                count += live != [(h[0], h[2], h[3]) for h in whole if h[1] == end - 1]
        return count

    assert differences() == 0
    monkeypatch.setattr(SoundRows, "pieces", lambda self: iter([Piece(0, 0, self.prices)]))
    assert differences() > 0


def test_a_long_series_is_read_in_pieces_and_has_the_same_hits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    series = [walk(14, 900), SERIES["all at once"]]
    whole = [rows_of(detect_candles(bars)) for bars in series]
    monkeypatch.setattr(exact, "LONGEST_PIECE", 37)
    assert len(list(exact.sound_rows(series[0]).pieces())) == 25
    assert [rows_of(detect_candles(bars)) for bars in series] == whole
    # The control arm: TA-Lib must have read on a few bars before.
    monkeypatch.setattr(exact, "DECIDING_ROWS", 4)
    assert rows_of(detect_candles(series[0])) != whole[0]


def test_one_gap_row_costs_only_what_spans_it() -> None:
    bars = walk(9, 300)
    close = bars.close.copy()
    close[150] = np.nan
    holed = Bars(bars.time, bars.open, bars.high, bars.low, close, bars.volume)
    hits = detect_candles(holed)
    assert ((hits.bar < 150) | (hits.bar - hits.span + 1 > 150)).all()
    after = [h for h in rows_of(hits) if h[1] > 175]
    assert after == [h for h in rows_of(detect_candles(bars)) if h[1] > 175]
    # TA-Lib itself says nothing of most patterns any more.
    assert np.count_nonzero(bare(holed)[:, 175:]) < np.count_nonzero(bare(bars)[:, 175:]) / 2


def test_no_pattern_spans_a_flat_bar_and_flat_bars_do_not_flood() -> None:
    flat = np.full(200, 50.0)
    still = Bars(np.arange(200), flat, flat, flat, flat, flat)
    assert len(detect_candles(still)) == 0
    assert np.count_nonzero(bare(still)) > 100
    bars = SERIES["flats and gaps"]
    hits = detect_candles(bars)
    is_flat = bars.high == bars.low
    for bar, span in zip(hits.bar.tolist(), hits.span.tolist(), strict=True):
        assert not is_flat[bar - span + 1 : bar + 1].any()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 12])
def test_few_bars_have_few_patterns_and_no_errors(count: int) -> None:
    bars = walk(10, 400).prefix(count)
    assert len(detect_candles(bars)) <= 3 * count
    assert rows_of(latest_candles(bars)) == [
        h for h in rows_of(detect_candles(bars)) if h[1] == count - 1
    ]


def test_a_confirmed_hikkake_spans_to_its_confirmation() -> None:
    bars = walk(11, 2_000)
    number = CANDLE_NUMBERS["CDLHIKKAKE"]
    values = bare(bars)[number]
    first = 0
    delays = set()
    for pattern, bar, span, direction, _ in rows_of(detect_candles(bars, ["CDLHIKKAKE"])):
        assert pattern == number
        if abs(values[int(bar)]) == 200:
            assert span == 3 + bar - first
            assert direction == np.sign(values[int(first)])
            delays.add(bar - first)
        else:
            assert span == 3
            first = int(bar)
    assert delays == {1, 2, 3}


def test_strength_is_the_documented_formula() -> None:
    bars = walk(12, 300)
    for pattern, bar, span, _, strength in rows_of(detect_candles(bars)):
        last, kind = int(bar), CANDLES[int(pattern)]
        if last < WARM or kind.id.startswith("CDLHIKKAKE"):
            continue
        opened, high = bars.open[last], bars.high[last]
        low, close = bars.low[last], bars.close[last]
        body = abs(close - opened) / (high - low)
        shadow = max(high - max(opened, close), min(opened, close) - low) / (high - low)
        shape = (body, 1 - body, shadow)[kind.clear]
        part = slice(last - int(span) + 1, last + 1)
        usual = np.mean(bars.high[last - 10 : last] - bars.low[last - 10 : last])
        spread = bars.high[part].max() - bars.low[part].min()
        size = min(1, spread / (2 * usual * np.sqrt(span)))
        grade = abs(bare_value(bars, kind.id, last)) / 100
        assert strength == pytest.approx(grade * (shape + size) / 2, rel=1e-6)


def bare_value(bars: Bars, name: str, bar: int) -> int:
    part = bars.prefix(bar + 1)
    return int(getattr(talib, name)(part.open, part.high, part.low, part.close)[-1])


def test_only_what_is_asked_for_is_found() -> None:
    bars = walk(13, 500)
    asked = ["CDLHAMMER", "CDLDOJI"]
    numbers = {CANDLE_NUMBERS[name] for name in asked}
    expected = [h for h in rows_of(detect_candles(bars)) if h[0] in numbers]
    assert expected
    assert rows_of(detect_candles(bars, asked)) == expected
    with pytest.raises(UnknownPattern, match="CDLNONE"):
        detect_candles(bars, ["CDLNONE"])


def test_the_catalogue_is_talibs() -> None:
    names = sorted(name for name in dir(talib) if name.startswith("CDL"))
    assert [kind.id for kind in CANDLES] == names
    for kind in CANDLES:
        assert kind.span <= kind.reads <= kind.span + 1
        signature = getattr(talib, kind.id).__doc__
        given = re.search(r"penetration: ([\d.]+)", signature)
        assert kind.penetration == (float(given[1]) if given else None)


def test_directions_are_those_of_the_catalogue() -> None:
    words = {1: "bullish", -1: "bearish", 0: "neutral"}
    seen: dict[int, set[str]] = {}
    for seed in range(3):
        hits = detect_candles(walk(20 + seed, 3_000, digits=1))
        for pattern, direction in zip(hits.pattern, hits.direction, strict=True):
            seen.setdefault(int(pattern), set()).add(words[int(direction)])
    assert len(seen) > 40
    for pattern, directions in seen.items():
        assert directions <= set(CANDLES[pattern].directions)
