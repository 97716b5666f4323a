"""The simulated day: exact, the same everywhere, and like a market."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_dashboard.agents.market_data.demo.dataset import DailyRow
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.path import DayBar, SessionPath, simulate

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


def path_of(row: DailyRow, seconds: int = 23_400, seed: int = 1) -> SessionPath:
    bar = DayBar(row.open, row.high, row.low, row.close, row.volume)
    return simulate(bar, seconds, seed=seed, symbol=row.symbol, day=row.session)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_days_minute_bars_aggregate_to_the_real_day(
    symbol: str, market: DemoMarket, rows: Mapping[str, Sequence[DailyRow]]
) -> None:
    wrong = []
    for number, row in enumerate(rows[symbol]):
        minutes = market.intraday.bars(symbol, number, 60)
        aggregated = (
            minutes.open[0],
            minutes.high.max(),
            minutes.low.min(),
            minutes.close[-1],
            minutes.volume.sum(),
        )
        if aggregated != (row.open, row.high, row.low, row.close, row.volume):
            wrong.append((row, aggregated))
        assert (minutes.volume >= 0).all()
    assert wrong == []


def test_paths_are_the_same_on_every_machine(rows: Mapping[str, Sequence[DailyRow]]) -> None:
    """The digest was computed once; it changes only if the simulation does."""
    path = path_of(rows["IBM"][1234])
    content = path.price.tobytes() + path.volume.tobytes()
    digest = "2f92e1175a0282b376bd06847d63cb74d43d07ca296c4b4f41ccbb1b1b914a28"
    assert hashlib.sha256(content).hexdigest() == digest


def test_seed_symbol_and_day_give_different_paths(rows: Mapping[str, Sequence[DailyRow]]) -> None:
    row = rows["IBM"][1234]
    same = path_of(row).price
    assert np.array_equal(same, path_of(row).price)
    assert not np.array_equal(same, path_of(row, seed=2).price)


def test_prices_between_the_real_ones_are_whole_cents(
    rows: Mapping[str, Sequence[DailyRow]],
) -> None:
    row = next(row for row in rows["MSFT"] if row.low * 1000 % 10 > 1)
    prices = set(path_of(row).price.tolist()) - {row.open, row.high, row.low, row.close}
    assert prices
    assert all(price == round(price, 2) for price in prices)


def test_it_looks_like_a_market(rows: Mapping[str, Sequence[DailyRow]]) -> None:
    """Busy at both ends, no jumps, wandering through its range as a diffusion does."""
    sample = rows["AAPL"][::100]
    paths = [path_of(row) for row in sample]
    shares = np.mean([path.volume.reshape(13, -1).sum(1) / path.volume.sum() for path in paths], 0)
    assert shares[0] > 2 * shares[6]
    assert shares[12] > 2 * shares[6]
    for path in paths:
        spread = path.price.max() - path.price.min()
        assert np.abs(np.diff(path.price)).max() < 0.12 * spread + 0.011
        minutes = np.diff(path.price[::60])
        assert 0.008 < np.abs(minutes).mean() / spread < 0.05


@st.composite
def day_bars(draw: st.DrawFn) -> DayBar:
    prices = st.integers(1, 100_000).map(lambda thousandths: thousandths / 1000)
    low, first, second, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    open_, close = draw(st.permutations([first, second]))
    corner = draw(st.sampled_from([None, "open_low", "open_high", "close_low", "close_high"]))
    open_ = {"open_low": low, "open_high": high}.get(corner or "", open_)
    close = {"close_low": low, "close_high": high}.get(corner or "", close)
    return DayBar(open_, high, low, close, draw(st.integers(0, 10**9)))


@settings(max_examples=300, deadline=None)
@given(bar=day_bars(), seconds=st.sampled_from([4, 5, 60, 3600, 12_600, 23_400]))
def test_any_coherent_bar_is_reproduced(bar: DayBar, seconds: int) -> None:
    path = simulate(bar, seconds, seed=1, symbol="X", day="2001-01-02")
    assert len(path) == seconds
    assert path.price[0] == bar.open
    assert path.price[-1] == bar.close
    assert path.price.max() == bar.high == path.high[-1]
    assert path.price.min() == bar.low == path.low[-1]
    assert path.volume.sum() == bar.volume == path.traded[-1]
    assert path.volume.min() >= 0
