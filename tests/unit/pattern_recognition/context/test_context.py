"""Context: regimes, agreement, levels, judged from the past alone."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.pattern_recognition.candles.series import real, walk
from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.context.agreement import agreement
from trading_dashboard.agents.pattern_recognition.context.levels import price_levels
from trading_dashboard.agents.pattern_recognition.context.regimes import (
    Regime,
    Trend,
    bars_needed,
    regime,
    yang_zhang,
)
from trading_dashboard.agents.pattern_recognition.context.settings import (
    LevelSettings,
    RegimeSettings,
)

REGIME, LEVELS = RegimeSettings(), LevelSettings()


def from_closes(close: Floats, spread: float | Floats = 0.3) -> Bars:
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) + spread, np.minimum(opened, close) - spread
    return Bars(np.arange(len(close)), opened, high, low, close, np.ones(len(close)))


@pytest.mark.parametrize(("drift", "trend"), [(0.5, "up"), (-0.5, "down"), (0.0, "sideways")])
def test_a_drift_is_the_trend(drift: float, trend: str) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, 400)
    assert regime(from_closes(300 + drift * np.arange(400) + noise), REGIME).trend == trend


@pytest.mark.parametrize(("last", "volatility"), [(4.0, "high"), (0.2, "low")])
def test_the_newest_volatility_is_ranked_among_its_own(last: float, volatility: str) -> None:
    steps = np.random.default_rng(2).normal(0, 1, 400)
    spread = np.full(400, 0.5)
    steps[-20:] *= last
    spread[-20:] *= last
    found = regime(from_closes(500 + np.cumsum(steps), spread), REGIME)
    assert found.volatility == volatility
    assert found.words.endswith(f"{volatility} volatility")


def test_yang_zhang_finds_the_volatility_of_a_walk() -> None:
    rng = np.random.default_rng(3)
    paths = np.exp(np.cumsum(rng.normal(0, 0.02 / np.sqrt(200), (2_000, 200)).ravel()))
    days = paths.reshape(2_000, 200)
    bars = Bars(
        np.arange(2_000), days[:, 0].copy(), days.max(axis=1), days.min(axis=1),
        days[:, -1].copy(), np.ones(2_000),
    )  # fmt: skip
    # Seen at 200 moments a day, the range is a little too narrow.
    assert np.sqrt(np.mean(yang_zhang(bars, 20) ** 2)) == pytest.approx(0.02, rel=0.08)


def test_few_bars_make_no_regime_and_say_why() -> None:
    found = regime(walk(4, 20), REGIME)
    assert (found.trend, found.volatility, found.words) == ("unknown", "unknown", "unknown")
    assert found.note is not None
    assert "needs 28 bars and there are 20" in found.note
    assert regime(Bars.empty(), REGIME).bar is None


@pytest.mark.parametrize("bars", [real("MSFT", 900), walk(5, 900, gaps=0.05)])
def test_only_the_bars_needed_decide(bars: Bars) -> None:
    for end in (500, 700, 900):
        known = bars.prefix(end)
        row = np.flatnonzero(known.is_sound)[-bars_needed(REGIME)]
        found, short = regime(known, REGIME), regime(known.between(int(row), end), REGIME)
        assert (found.words, found.slope_atr) == (short.words, short.slope_atr)
        assert found.volatility_percentile == short.volatility_percentile


def test_a_market_that_never_moves_is_sideways() -> None:
    found = regime(from_closes(np.full(400, 50.0), 0.0), REGIME)
    assert (found.trend, found.volatility) == ("sideways", "normal")


def test_agreement_counts_the_known_timeframes() -> None:
    trends: dict[str, Trend] = {
        "1m": "up", "1h": "up", "1d": "down", "1w": "sideways", "1M": "unknown", "2h": "down"
    }  # fmt: skip
    votes = agreement({name: Regime(100, 99, trend) for name, trend in trends.items()})
    assert (votes.value, votes.agreeing, votes.known) == (0.25, 2, 4)
    assert votes.words == "Of 4 timeframes: 2 up, 1 down, 1 sideways"
    assert agreement({}).value is None
    assert agreement({"1d": Regime(100, 99, "down")}).value == -1


def test_levels_are_where_the_market_turned() -> None:
    """A wave between 90 and 110 has its two levels there and nowhere else."""
    steps = np.arange(400)
    close = 100 + 10 * np.sin(steps * 2 * np.pi / 40)
    found = price_levels(from_closes(close, 0.2), LEVELS)
    assert [(level.kind, round(level.price)) for level in found] == [
        ("support", 90),
        ("resistance", 110),
    ]
    assert all(level.touches >= 9 and level.low <= level.price <= level.high for level in found)
    assert found[0].distance_atr < 0 < found[1].distance_atr


def test_older_touches_weigh_less() -> None:
    close = np.concatenate((100 + 10 * np.sin(np.arange(200) * np.pi / 20), np.full(200, 100.0)))
    now = price_levels(from_closes(close[:220], 0.2), LEVELS)
    later = price_levels(from_closes(close, 0.2), LEVELS)
    strength = {round(level.price): level.strength for level in now}
    faded = {round(level.price): level.strength for level in later if level.touches > 2}
    assert 0 < faded[90] < strength[90] < 1


def test_levels_are_no_wider_than_said_and_no_more_than_asked_for() -> None:
    bars = walk(6, 900)
    wide = LevelSettings(most_levels=5, least_touches=1)
    found = price_levels(bars, wide)
    assert len(found) == 5
    close = float(bars.close[-1])
    for level in found:
        atr = (level.price - close) / level.distance_atr
        assert level.high - level.low <= wide.width_atr * atr + 1e-9
        assert level.last_touch <= len(bars) - 1 - wide.pivot_bars


def turns_of(bars: Bars, width: int) -> list[tuple[int, float]]:
    """Return the turning points of a whole series, future included: number and price."""
    found = []
    for at in range(width, len(bars) - width):
        part = slice(at - width, at + width + 1)
        if int(bars.high[part].argmax()) == width:
            found.append((at, float(bars.high[at])))
        if int(bars.low[part].argmin()) == width:
            found.append((at, float(bars.low[at])))
    return found


@pytest.mark.parametrize("bars", [real("AAPL", 260), walk(8, 260)])
def test_levels_at_a_bar_are_made_of_the_turns_known_by_then(bars: Bars) -> None:
    """Prefix by prefix: a turn counts from the close that confirms it, and no bar sooner."""
    settings = LevelSettings(lookback_bars=60, pivot_bars=3, least_touches=1, most_levels=100)
    turns = turns_of(bars, settings.pivot_bars)
    sooner = 0
    for end in range(settings.atr_bars + 1, len(bars) + 1):
        oldest = max(0, end - settings.lookback_bars) + settings.pivot_bars
        known = [turn for turn in turns if oldest <= turn[0] < end - settings.pivot_bars]
        levels = price_levels(bars.prefix(end), settings)
        assert sum(level.touches for level in levels) == len(known)
        for level in levels:
            touches = [at for at, price in known if level.low <= price <= level.high]
            assert (level.touches, level.last_touch) == (len(touches), max(touches))
        # The control arm: counted when they happen, there would be more of them.
        sooner += sum(end - settings.pivot_bars <= at < end for at, _ in turns)
    assert sooner > 100


def test_no_bars_no_levels() -> None:
    assert price_levels(Bars.empty(), LEVELS) == []
    assert price_levels(walk(7, 14), LEVELS) == []
    assert price_levels(from_closes(np.full(100, 5.0), 0.0), LEVELS) == []
