"""Markets made for the tests of worth: walks nobody can foretell, and ones with a known edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences

DAY = 86_400_000_000
News = dict[str, tuple[Bars, Occurrences]]


def bars_of(returns: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Bars:
    """Return daily bars with these log returns and a range of 1 %."""
    close = 100 * np.exp(np.cumsum(returns))
    opened = np.arange(len(close), dtype=np.int64) * DAY
    return Bars(opened, close, close * 1.005, close * 0.995, close, np.full(len(close), 1e6))


def random_market(
    seed: int,
    symbols: int = 6,
    bars: int = 900,
    patterns: int = 10,
    each: int = 900,
    common: float = 0.0,
) -> News:
    """Return geometric random walks with patterns at random times.

    `common` is the share of each return's variance that all symbols have in common. With any,
    patterns come to all symbols at once too, as they do in real markets.
    """
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 1, bars)
    times = rng.integers(0, bars, each)
    names = rng.integers(0, patterns, each)
    ways = rng.choice([-1, 1], each)
    news: News = {}
    for number in range(symbols):
        noise = rng.normal(0, 1, bars)
        returns = 0.01 * (np.sqrt(common) * shared + np.sqrt(1 - common) * noise) + 2e-4
        if not common:
            times = rng.integers(0, bars, each)
            names = rng.integers(0, patterns, each)
            ways = rng.choice([-1, 1], each)
        rows = zip(names.tolist(), ways.tolist(), times.tolist(), strict=True)
        news[f"S{number}"] = (bars_of(returns), Occurrences.of(rows))
    return news


def telling_market(seed: int, chances: Sequence[float], symbols: int = 6, bars: int = 1500) -> News:
    """Return walks where each pattern tells the next five bars right with its own chance.

    Each occurrence is followed by five bars of one sign, far from the next one.
    """
    rng = np.random.default_rng(seed)
    news: News = {}
    for number in range(symbols):
        returns = rng.normal(0, 0.01, bars)
        rows: list[tuple[int, int, int]] = []
        for at in range(20, bars - 10, 12):
            way, pattern = int(rng.choice([-1, 1])), int(rng.integers(len(chances)))
            is_right = rng.random() < chances[pattern]
            after = np.abs(rng.normal(0.004, 0.002, 5)) + 1e-4
            returns[at + 1 : at + 6] = after * (way if is_right else -way)
            rows.append((pattern, way, at))
        news[f"S{number}"] = (bars_of(returns), Occurrences.of(rows))
    return news


def prefix(news: News, length: int) -> News:
    """Return the same market when only so many bars were there."""
    return {
        symbol: (bars.prefix(length), occurrences.between(0, length))
        for symbol, (bars, occurrences) in news.items()
    }
