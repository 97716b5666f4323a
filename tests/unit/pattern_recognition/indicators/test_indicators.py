"""Indicators: TA-Lib's own values, oracles in plain loops, gaps, warm-up, no look at the future."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.candlesticks import indicator_differences
from tests.unit.pattern_recognition.candles.series import DAY, real, walk
from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.indicators.catalogue import (
    INDICATORS,
    checked,
    compute,
)
from trading_dashboard.models.errors import InvalidParameter, UnknownIndicator


def lines(indicator: str, bars: Bars, **parameters: float) -> dict[str, Floats]:
    return {column.name: column.values for column in compute(indicator, bars, parameters)}


@pytest.mark.parametrize("bars", [walk(1, 500), real("AAPL", 500)], ids=["walk", "real"])
def test_values_are_talibs_own(bars: Bars) -> None:
    differences = indicator_differences(bars)
    assert max(differences.values()) <= 1e-9, differences
    assert set(INDICATORS) - set(differences) == {"vpt", "cmf", "ichimoku", "vwap"}


def test_vpt_against_a_plain_loop() -> None:
    bars = walk(2, 200)
    values, total = [math.nan], 0.0
    for at in range(1, len(bars)):
        before = float(bars.close[at - 1])
        total += float(bars.volume[at]) * (float(bars.close[at]) - before) / before
        values.append(total)
    np.testing.assert_allclose(lines("vpt", bars)["vpt"], values, rtol=1e-9)


def test_cmf_against_a_plain_loop() -> None:
    bars = walk(3, 200, flats=0.1)
    bars.volume[50:80] = 0
    values = []
    for at in range(len(bars)):
        if at < 9:
            values.append(math.nan)
            continue
        flow = traded = 0.0
        for i in range(at - 9, at + 1):
            spread = float(bars.high[i] - bars.low[i])
            if spread > 0:
                place = 2 * float(bars.close[i]) - float(bars.low[i]) - float(bars.high[i])
                flow += place / spread * float(bars.volume[i])
            traded += float(bars.volume[i])
        values.append(flow / traded if traded else math.nan)
    ours = lines("cmf", bars, period=10)["cmf"]
    np.testing.assert_allclose(ours, values, rtol=1e-9, atol=1e-12)
    assert np.isnan(ours[59:80]).all()


def test_ichimoku_against_a_plain_loop() -> None:
    bars = walk(4, 150)

    def middle(count: int) -> list[float]:
        return [
            math.nan
            if at < count - 1
            else (max(bars.high[at - count + 1 : at + 1]) + min(bars.low[at - count + 1 : at + 1]))
            / 2
            for at in range(len(bars))
        ]

    ours = lines("ichimoku", bars)
    conversion, base = np.array(middle(9)), np.array(middle(26))
    np.testing.assert_allclose(ours["conversion"], conversion, rtol=1e-12)
    np.testing.assert_allclose(ours["base"], base, rtol=1e-12)
    np.testing.assert_allclose(ours["leading_a"], (conversion + base) / 2, rtol=1e-12)
    np.testing.assert_allclose(ours["leading_b"], middle(52), rtol=1e-12)
    shifts = {column.name: column.displacement for column in compute("ichimoku", bars, {})}
    assert shifts == {"conversion": 0, "base": 0, "leading_a": 26, "leading_b": 26, "lagging": -26}


@pytest.mark.parametrize("starts", [None, [0, 5, 6, 30]])
def test_vwap_against_a_plain_loop(starts: list[int] | None) -> None:
    walked = walk(5, 60)
    bars = Bars(
        np.arange(60) * (DAY // 8), walked.open, walked.high, walked.low, walked.close,
        walked.volume,
    )  # fmt: skip
    bars.volume[[0, 1, 30]] = 0
    values, session, money, traded = [], -1, 0.0, 0.0
    for at in range(60):
        now = at // 8 if starts is None else sum(start <= at for start in starts)
        if now != session:
            session, money, traded = now, 0.0, 0.0
        typical = float(bars.high[at] + bars.low[at] + bars.close[at]) / 3
        money += typical * float(bars.volume[at])
        traded += float(bars.volume[at])
        values.append(money / traded if traded else math.nan)
    given = None if starts is None else bars.time[starts]
    np.testing.assert_allclose(compute("vwap", bars, {}, given)[0].values, values, rtol=1e-9)


@pytest.mark.parametrize("indicator", INDICATORS)
def test_nothing_of_the_future_is_read(indicator: str) -> None:
    bars = walk(6, 160, gaps=0.03)
    whole = compute(indicator, bars, {})
    for end in (0, 1, 2, 40, 90, 120, 159):
        for column, early in zip(whole, compute(indicator, bars.prefix(end), {}), strict=True):
            np.testing.assert_array_equal(early.values, column.values[:end])


@pytest.mark.parametrize("indicator", INDICATORS)
def test_a_gap_has_no_value_and_takes_none_from_other_bars(indicator: str) -> None:
    bars = walk(7, 160)
    holed = walk(7, 160)
    for price in (holed.open, holed.high):
        price[100] = np.nan
    rest = np.delete(np.arange(160), 100)
    without = Bars(*(getattr(bars, name)[rest] for name in Bars.__slots__))
    for ours, expected in zip(
        compute(indicator, holed, {}), compute(indicator, without, {}), strict=True
    ):
        assert np.isnan(ours.values[100])
        np.testing.assert_array_equal(ours.values[rest], expected.values)


@pytest.mark.parametrize("indicator", INDICATORS)
def test_the_first_value_comes_after_the_lookback_and_is_never_a_zero(indicator: str) -> None:
    kind = INDICATORS[indicator]
    columns = compute(indicator, walk(8, 300), {})
    lookback = kind.lookback(checked(kind, {}))
    firsts = [int(np.flatnonzero(np.isfinite(column.values))[0]) for column in columns]
    assert max(firsts) == lookback
    for column, first in zip(columns, firsts, strict=True):
        assert np.isfinite(column.values[first:]).all()
        if lookback:
            assert column.values[first] != 0


@pytest.mark.parametrize("indicator", [k for k in INDICATORS if INDICATORS[k].memory == "fading"])
def test_settled_values_do_not_depend_on_the_start(indicator: str) -> None:
    bars = walk(9, 1_500)
    kind = INDICATORS[indicator]
    needed = kind.settling_bars(checked(kind, {})) + 1
    tail = compute(indicator, bars.between(len(bars) - needed, len(bars)), {})
    for column, short in zip(compute(indicator, bars, {}), tail, strict=True):
        scale = float(np.nanmax(np.abs(column.values)))
        assert abs(float(column.values[-1] - short.values[-1])) <= 1e-7 * scale


@pytest.mark.parametrize(
    ("indicator", "parameters", "words"),
    [
        ("sma", {"period": 1}, "from 2 to 500"),
        ("sma", {"period": 501}, "from 2 to 500"),
        ("sma", {"period": 2.5}, "whole number"),
        ("sma", {"period": math.nan}, "whole number"),
        ("bollinger", {"width": math.inf}, "from 0.1 to 10"),
        ("sma", {"length": 5}, "It has period"),
        ("obv", {"period": 5}, "It has none"),
        ("macd", {"fast": 30}, "below the slow one"),
    ],
)
def test_bad_parameters_are_refused(
    indicator: str, parameters: dict[str, float], words: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        compute(indicator, walk(10, 50), parameters)
    assert words in str(caught.value)


def test_an_unknown_indicator_is_refused_with_a_near_one() -> None:
    with pytest.raises(UnknownIndicator, match="Did you mean 'bollinger'"):
        compute("bolinger", walk(11, 50), {})
