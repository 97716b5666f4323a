"""The ledger: nothing of the future, the same in pieces as in one, the same after a restart."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.pattern_recognition.worth.markets import DAY, News, prefix, random_market
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.worth import cell as cell_module
from trading_dashboard.agents.pattern_recognition.worth.cell import Cell, Totals
from trading_dashboard.agents.pattern_recognition.worth.ledger import Ledger
from trading_dashboard.agents.pattern_recognition.worth.outcomes import Occurrences
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.walk_forward import (
    Confirmed,
    walk_forward,
)
from trading_dashboard.models.patterns import PatternWorth

PATTERNS = tuple(f"P{number}" for number in range(10))
SETTINGS = WorthSettings(minimum_samples=20, minimum_blocks=8)
BARS = 700


def ledger_of(news: News) -> Ledger:
    ledger = Ledger(PATTERNS, SETTINGS)
    ledger.load("1d", news)
    return ledger


def asked(ledger: Ledger, day: int) -> list[PatternWorth]:
    return [
        worth
        for pattern in PATTERNS[:4]
        for direction in (1, -1)
        for worth in ledger.worth("S1", "1d", pattern, direction, day * DAY)
    ]


@pytest.fixture(scope="module")
def market() -> News:
    return random_market(11, symbols=4, bars=BARS, each=700)


def differences(market: News) -> int:
    """Return how many answers differ between the whole past and what was there then."""
    whole = ledger_of(market)
    differing = 0
    for day in (130, 250, 399, 400, 555, 640):
        then = ledger_of(prefix(market, day + 1))
        differing += sum(a != b for a, b in zip(asked(whole, day), asked(then, day), strict=True))
    return differing


def test_what_is_said_of_the_past_is_what_was_said_then(market: News) -> None:
    answers = asked(ledger_of(market), 640)
    assert any(worth.confidence is not None for worth in answers)
    assert differences(market) == 0


def test_a_ledger_that_looks_ahead_is_noticed(
    market: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cell_module.Cell.rows_before

    def leaking(self: cell_module.Cell, moment: int) -> int:
        return real(self, moment + 3 * DAY)

    monkeypatch.setattr(cell_module.Cell, "rows_before", leaking)
    assert differences(market) > 20


def test_bar_by_bar_is_the_same_as_all_at_once(market: News) -> None:
    whole, live = ledger_of(market), ledger_of(prefix(market, 500))
    for day in range(500, 530):
        first = day + 1 - SETTINGS.lookback - 5
        for symbol, (bars, occurrences) in market.items():
            here = occurrences.between(day, day + 1)
            numbered = Occurrences(here.pattern, here.direction, here.bar - first)
            live.extend(symbol, "1d", bars.between(first, day + 1), numbered)
        assert asked(live, day) == asked(whole, day)
    together = ledger_of(prefix(market, 530))
    assert live.rows("1d", 530 * DAY) == together.rows("1d", 530 * DAY)
    assert live.reliability("1d") == together.reliability("1d")


def counts(ledger: Ledger) -> list[PatternWorth]:
    """Return everything but the calibration, which goes by what was said when symbols were away."""
    rows = ledger.rows("1d", 560 * DAY)
    return [row.worth.model_copy(update={"confidence": None}) for row in rows]


def test_bars_that_come_again_and_gaps_change_nothing(market: News) -> None:
    live = ledger_of(prefix(market, 500))
    live.load("1d", prefix(market, 480))
    live.load("1d", {"S0": prefix(market, 530)["S0"]})
    live.load("1d", prefix(market, 560))
    together = ledger_of(prefix(market, 560))
    assert counts(live) == counts(together)
    assert live.last("S0", "1d") == 559 * DAY
    assert live.last("S0", "1h") is None


def test_what_was_said_at_a_confirmation_is_what_is_compared_later(market: News) -> None:
    ledger = ledger_of(market)
    series = ledger.timeframe("1d").series["S2"]
    assert len(series.waiting)
    for at in range(len(series.waiting)):
        pattern = PATTERNS[series.waiting.pattern[at]]
        direction, time = int(series.waiting.direction[at]), int(series.waiting.time[at])
        for number, worth in enumerate(ledger.worth("S2", "1d", pattern, direction, time)):
            told = series.waiting.told[number, at]
            assert worth.confidence == pytest.approx(told, rel=1e-12)


def test_walking_forward_is_asking_at_each_confirmation(market: News) -> None:
    ledger, again = ledger_of(market), ledger_of(market)
    bars, occurrences = market["S3"]
    confirmed = [
        Confirmed("S3", PATTERNS[pattern], direction, int(bars.time[bar]))
        for pattern, direction, bar in zip(
            occurrences.pattern[::7].tolist(),
            occurrences.direction[::7].tolist(),
            occurrences.bar[::7].tolist(),
            strict=True,
        )
    ]
    found = walk_forward(ledger, "1d", confirmed[::-1])[::-1]
    assert found == [
        again.worth(one.symbol, "1d", one.pattern, one.direction, one.time) for one in confirmed
    ]
    assert len(found) > 50


def test_one_moment_asks_only_cells_with_news(
    market: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = ledger_of(market).timeframe("1d").family
    asked: list[int] = []

    def counted(cell: Cell, rows: NDArray[np.intp]) -> Totals:
        asked.append(len(rows))
        return totals(cell, rows)

    totals = Cell.totals
    monkeypatch.setattr(Cell, "totals", counted)
    one = np.array([559 * DAY])
    family.prepare(one)
    alone = family.p_values(559 * DAY)
    assert not asked  # whole cells are asked for many moments only
    family.forget(0, 0)
    family.prepare(np.array([558 * DAY, 559 * DAY]))
    assert asked
    assert family.p_values(559 * DAY) == alone
    asked.clear()
    family.prepare(np.array([558 * DAY, 559 * DAY]))
    assert not asked  # they are kept


def test_too_little_past_says_so(market: News) -> None:
    (worth, *_) = ledger_of(prefix(market, 130)).worth("S0", "1d", "P0", 1, 130 * DAY)
    assert worth.verdict == "too_few"
    assert worth.confidence is None
    assert worth.p_adjusted is None
    (nothing, *_) = Ledger(PATTERNS).worth("X", "1d", "P0", 1, 130 * DAY)
    assert (nothing.samples, nothing.hit_rate, nothing.verdict) == (0, None, "too_few")
    assert Ledger(PATTERNS).worth("X", "1d", "P0", 0, 130 * DAY) == []


def test_counts_are_those_of_the_series_itself() -> None:
    rng = np.random.default_rng(8)
    (bars, occurrences) = random_market(8, symbols=1, bars=BARS)["S0"]
    closes = np.where(rng.random(BARS) < 0.1, np.nan, bars.close)
    gappy = Bars(bars.time, bars.open, bars.high, bars.low, closes, bars.volume)
    ledger = ledger_of({"S0": (gappy, occurrences)})
    sound = np.flatnonzero(gappy.is_sound)
    place = {bar: at for at, bar in enumerate(sound.tolist())}
    close = closes[sound]
    samples = hits = 0
    rates = []
    rows = zip(occurrences.pattern, occurrences.direction, occurrences.bar, strict=True)
    for pattern, direction, bar in rows:
        at = place.get(int(bar))
        if pattern != 3 or direction != -1 or at is None or at + 10 >= len(close):
            continue
        before = [close[i + 10] < close[i] for i in range(at - 10)]
        if len(before) >= SETTINGS.minimum_base:
            samples += 1
            hits += close[at + 10] < close[at]
            rates.append(np.mean(before))
    worth = ledger.worth("S0", "1d", "P3", -1, BARS * DAY)[1]
    assert (worth.samples, worth.hits, worth.scope) == (samples, hits, "symbol")
    assert worth.base_rate == pytest.approx(float(np.mean(rates)), abs=1e-6)
    assert worth.base_samples == len(close) - 10


def test_what_had_never_happened_before_has_an_interval() -> None:
    """With a base rate of nothing there are no tosses to compare the variance with."""
    close = np.r_[np.full(200, 100.0), 100 + np.arange(200) * 0.01]
    time = np.arange(len(close), dtype=np.int64) * DAY
    bars = Bars(time, close, close + 0.05, close - 0.05, close, np.ones(len(close)))
    ledger = ledger_of({"S1": (bars, Occurrences.of([(0, 1, 197), (0, 1, 198)]))})
    worth = ledger.worth("S1", "1d", PATTERNS[0], 1, 399 * DAY)[0]
    assert (worth.hits, worth.base_rate, worth.effective_samples) == (2, 0.0, 1.0)
    assert worth.interval_low is not None
    assert 0 < worth.interval_low < 1
