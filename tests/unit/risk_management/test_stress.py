"""Historical windows and shocks by hand; what is missing is named, nothing later is seen."""

from __future__ import annotations

from datetime import date
from functools import cache
from itertools import groupby
from operator import attrgetter
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.demo.dataset import DailyRow, read_rows
from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel
from trading_dashboard.agents.risk_management.stress.answering import DEFAULT_QUESTION, stress
from trading_dashboard.agents.risk_management.stress.historical import Closes, historical_rows
from trading_dashboard.agents.risk_management.stress.holdings import (
    Covariance,
    Stressed,
    stressed,
)
from trading_dashboard.agents.risk_management.stress.shocks import shock_row, shocked
from trading_dashboard.agents.risk_management.stress.windows import WINDOWS, Window
from trading_dashboard.models.risk.errors import InvalidScenario
from trading_dashboard.models.risk.measures import Shock, StressQuestion, StressRow

Z95 = NormalDist().inv_cdf(0.95)
HELD = stressed(("AAPL", "GOOG", "IBM"), [50_000.0, 30_000.0, -20_000.0], 100_000.0)
DEVIATIONS = np.array([0.02, 0.03, 0.01])
CORRELATION = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]])
COVARIANCE = Covariance(HELD.symbols, CORRELATION * np.outer(DEVIATIONS, DEVIATIONS))


@cache
def real() -> dict[str, dict[str, DailyRow]]:
    return {
        symbol: {row.session: row for row in rows if not row.flaws}
        for symbol, rows in groupby(read_rows(), attrgetter("symbol"))
    }


@cache
def real_closes(until: str = "2013-12-31") -> Closes:
    symbols = tuple(real())
    sessions = sorted({session for rows in real().values() for session in rows})
    kept = [session for session in sessions if session <= until]
    table = [
        [real()[s][day].adjusted_close if day in real()[s] else np.nan for s in symbols]
        for day in kept
    ]
    return Closes.of(symbols, np.array(kept, "datetime64[D]"), table)


def row_of(rows: list[StressRow], id_: str) -> StressRow:
    return next(row for row in rows if row.id == id_)


def real_return(symbol: str, start: str, end: str) -> float:
    rows = real()[symbol]
    return rows[end].adjusted_close / rows[start].adjusted_close - 1


def test_the_named_windows_on_real_prices() -> None:
    rows = historical_rows(HELD, real_closes())
    autumn = row_of(rows, "historical.autumn_2008")
    expected = {
        symbol: value * real_return(symbol, "2008-09-12", "2008-11-20")
        for symbol, value in zip(HELD.symbols, HELD.values.tolist(), strict=True)
    }
    assert autumn.by_symbol == pytest.approx(expected)
    assert autumn.pnl == pytest.approx(sum(expected.values()))
    assert autumn.pnl_fraction == pytest.approx(sum(expected.values()) / 100_000)
    assert (autumn.missing, autumn.coverage) == ([], 1.0)
    crash = row_of(rows, "historical.flash_crash_2010")
    assert crash.returns["AAPL"] == pytest.approx(real_return("AAPL", "2010-05-05", "2010-05-06"))
    assert crash.worst_day == pytest.approx(crash.pnl_fraction)
    assert (crash.start, crash.end) == (date(2010, 5, 5), date(2010, 5, 6))


def test_a_holding_that_was_not_listed_is_named_and_not_counted() -> None:
    fall = row_of(historical_rows(HELD, real_closes()), "historical.fall_2000_2002")
    apple, ibm = (real_return(one, "2000-03-24", "2002-10-09") for one in ("AAPL", "IBM"))
    assert fall.pnl == pytest.approx(50_000 * apple - 20_000 * ibm)
    assert fall.missing == ["GOOG"]
    assert fall.by_symbol["GOOG"] is None
    assert fall.coverage == pytest.approx(0.7)
    assert "GOOG had no prices then" in fall.explanation
    assert "70 %" in fall.explanation


def test_a_window_in_which_nothing_has_prices_has_no_result() -> None:
    held = stressed(("FB", "ZZZ"), [1.0, 2.0], 10.0)
    fall = row_of(historical_rows(held, real_closes()), "historical.fall_2000_2002")
    assert (fall.pnl, fall.coverage, fall.missing) == (None, 0.0, ["FB", "ZZZ"])


def test_what_has_not_happened_yet_is_not_known() -> None:
    rows = historical_rows(HELD, real_closes("2008-11-19"))
    assert row_of(rows, "historical.autumn_2008").pnl is None
    assert "not in them" in row_of(rows, "historical.autumn_2008").explanation
    assert row_of(rows, "historical.fall_2000_2002").pnl is not None
    later = historical_rows(HELD, real_closes("2008-11-20"))
    assert row_of(later, "historical.autumn_2008").pnl is not None
    nothing = historical_rows(HELD, Closes.of((), [], np.empty((0, 0))))
    assert {row.pnl for row in nothing} == {None}


def test_worst_stretches_are_those_of_a_plain_search() -> None:
    closes = real_closes()
    rows = historical_rows(HELD, closes)
    values = dict(zip(HELD.symbols, HELD.values.tolist(), strict=True))
    columns = {s: closes.closes[:, closes.symbols.index(s)].tolist() for s in values}
    for days, id_ in ((1, "historical.worst_day"), (10, "historical.worst_10_days")):
        found = []
        for start in range(len(closes.dates) - days):
            moves = {s: c[start + days] / c[start] - 1 for s, c in columns.items()}
            pnl = sum(values[s] * move for s, move in moves.items() if move == move)  # noqa: PLR0124
            found.append((pnl, start))
        pnl, start = min(found)
        row = row_of(rows, id_)
        assert row.pnl == pytest.approx(pnl)
        assert row.start == closes.dates[start].item()
        assert "because it is the worst" in row.explanation


WINDOW = Window("w", "W", date(2020, 1, 3), date(2020, 1, 10), "a week")
DAYS = np.array(["2020-01-02", "2020-01-06", "2020-01-07", "2020-01-10"], "datetime64[D]")


def through(
    closes: list[list[float]], held: Stressed, dates: NDArray[np.datetime64] = DAYS
) -> StressRow:
    table = Closes.of(held.symbols, dates, np.array(closes, np.float64))
    return historical_rows(held, table, [WINDOW])[0]


def test_the_way_through_a_window_by_hand() -> None:
    held = stressed(("A", "B"), [100.0, -50.0], 200.0)
    row = through([[10, 10], [9, 10], [8, 11], [12, 10]], held)
    assert row.pnl == pytest.approx(20.0)
    # Profits on the way: 0, -10, -25, +20.
    assert row.worst_day == pytest.approx(-15 / 200)
    assert row.worst_drawdown == pytest.approx(25 / 200)
    assert row.by_symbol == {"A": pytest.approx(20.0), "B": pytest.approx(0.0)}


def test_a_gap_inside_is_bridged_and_one_at_the_end_is_not() -> None:
    held = stressed(("A", "B"), [100.0, 100.0], 200.0)
    gap = through([[10, 10], [np.nan, 10], [np.nan, 10], [12, np.nan]], held)
    assert gap.missing == []
    assert gap.by_symbol == {"A": pytest.approx(20.0), "B": 0.0}
    late = np.array(["2020-01-02", "2020-01-03", "2020-01-04", "2020-01-10"], "datetime64[D]")
    gone = through([[10, 10], [10, 10], [10, 10], [12, np.nan]], held, late)
    assert (gone.missing, gone.coverage) == (["B"], 0.5)


def test_the_worst_day_is_not_that_of_a_small_part() -> None:
    held = stressed(("NEW", "OLD"), [900.0, 100.0], 1_000.0)
    old = [10.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    new = [np.nan, np.nan, np.nan, 10.0, 9.5, 9.6]
    closes = np.array([new, old]).T
    dates = np.datetime64("2020-01-06", "D") + np.arange(6)
    rows = historical_rows(held, Closes.of(held.symbols, dates, closes))
    # OLD lost 90 on the first day, NEW 45 on the fourth.
    assert row_of(rows, "historical.worst_day").pnl == pytest.approx(-45)
    assert row_of(rows, "historical.worst_10_days").pnl is None
    assert "at least 50 %" in row_of(rows, "historical.worst_10_days").explanation


def test_closes_of_nothing() -> None:
    assert Closes.of((), [], []).closes.shape == (0, 0)
    assert Closes.of((), [], np.empty((0, 0))).closes.shape == (0, 0)
    assert Closes.of((), DAYS, np.empty((4, 0))).closes.shape == (4, 0)
    assert Closes.of(("A",), [], []).closes.shape == (0, 1)
    with pytest.raises(InvalidScenario, match="do not fit"):
        Closes.of(("A",), DAYS, [1.0, 2.0])


def test_every_window_is_of_days_with_a_close() -> None:
    for window in WINDOWS:
        assert str(window.start) in real()["IBM"]
        assert str(window.end) in real()["IBM"]


def test_shocked_prices_by_hand() -> None:
    row = shock_row(1, Shock(name="x", all=-0.1, symbols={"GOOG": 0.2}), HELD, None, 0.95)
    assert row.by_symbol == pytest.approx({"AAPL": -5_000, "GOOG": 6_000, "IBM": 2_000})
    assert row.pnl == pytest.approx(3_000)
    assert row.pnl_fraction == pytest.approx(0.03)
    assert "GOOG +20 %. All others -10 %." in row.explanation
    only = shock_row(2, Shock(symbols={"IBM": 9.0, "FB": -0.5}), HELD, None, 0.95)
    assert only.pnl == pytest.approx(-180_000)
    assert "The others do not move. Not held, so of no effect: FB." in only.explanation
    assert "owe money" in only.explanation


def test_a_shock_that_moves_nothing_is_refused() -> None:
    with pytest.raises(InvalidScenario, match="moves nothing"):
        shock_row(1, Shock(), HELD, None, 0.95)


def test_shocked_risk_by_hand() -> None:
    values = HELD.values
    before = Z95 * np.sqrt(values @ COVARIANCE.matrix @ values)
    doubled = shock_row(1, Shock(volatility=2), HELD, COVARIANCE, 0.95)
    assert doubled.pnl is None
    assert doubled.var_before == pytest.approx(before)
    assert doubled.var_after == pytest.approx(2 * before)
    alike = shock_row(1, Shock(correlation=1), HELD, COVARIANCE, 0.95)
    assert alike.var_after == pytest.approx(Z95 * abs(values @ DEVIATIONS))
    halved = shock_row(1, Shock(all=-0.5), HELD, COVARIANCE, 0.95)
    assert halved.var_after == pytest.approx(before / 2)
    assert "cannot be told" in shock_row(1, Shock(volatility=2), HELD, None, 0.95).explanation


def test_correlations_of_one_are_no_worst_case_of_opposite_positions() -> None:
    held = stressed(("AAPL", "GOOG"), [60.0, -40.0], 100.0)
    covariance = Covariance(held.symbols, COVARIANCE.matrix[:2, :2] * [[1, -1], [-1, 1]])
    row = shock_row(1, Shock(correlation=1), held, covariance, 0.95)
    assert row.var_after is not None
    assert row.var_before is not None
    assert row.var_after < row.var_before
    assert "offset" in row.explanation


@pytest.mark.parametrize("towards", [0.0, 0.3, 1.0])
def test_correlations_stay_a_correlation_matrix(towards: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        covariance = np.cov(
            rng.normal(size=(12, 30)), rowvar=False
        )  # singular: 12 days, 30 symbols
        after = shocked(covariance, 3.0, towards)
        deviations = np.sqrt(np.diag(after))
        np.testing.assert_allclose(deviations, 3 * np.sqrt(np.diag(covariance)))
        assert np.linalg.eigvalsh(after / np.outer(deviations, deviations)).min() > -1e-10
    # Control arm: raising each correlation alone gives no correlation matrix.
    bent = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    assert np.linalg.eigvalsh(bent).min() < -0.1


def test_a_symbol_that_does_not_move_needs_no_correlation() -> None:
    after = shocked(np.array([[0.0, 0.0], [0.0, 4.0]]), None, 1.0)
    assert after.tolist() == [[0.0, 0.0], [0.0, 4.0]]


def test_what_cannot_be_stressed_is_refused() -> None:
    with pytest.raises(InvalidScenario, match="needs a value"):
        stressed(("A",), [float("nan")], 1.0)
    with pytest.raises(InvalidScenario, match="twice"):
        stressed(("A", "A"), [1.0, 2.0], 1.0)
    assert stressed(("A", "B"), [0.0, 2.0], -5.0).symbols == ("B",)
    assert stressed(("A",), [1.0], -5.0).equity is None


def panel() -> ReturnPanel:
    closes = real_closes()
    return ReturnPanel.from_closes(closes.symbols, closes.dates[-500:], closes.closes[-500:])


def test_all_of_it_on_real_prices() -> None:
    held = stressed(("AAPL", "MSFT", "ZZZ"), [50_000.0, 30_000.0, 1_000.0], 100_000.0)
    rows, notes = stress(DEFAULT_QUESTION, held, real_closes(), panel())
    assert len({row.id for row in rows}) == len(rows) == 6 + 4 + 5
    assert {row.kind for row in rows} == {"historical", "shock", "reverse"}
    assert any("ZZZ" in note for note in notes)
    assert all(row.explanation for row in rows)
    doubled = row_of(rows, "shock.3")
    assert doubled.var_after == pytest.approx(2 * (doubled.var_before or 0))


def test_an_account_that_holds_nothing_is_answered() -> None:
    nothing = stressed((), [], 100.0)
    rows, notes = stress(DEFAULT_QUESTION, nothing, real_closes(), panel())
    assert all(row.by_symbol == {} for row in rows)
    assert any("Nothing is held" in note for note in notes)
    _, notes = stress(
        StressQuestion(reverse_loss=0.1),
        stressed(("AAPL",), [1.0], None),
        real_closes(),
        panel(),
    )
    assert any("equity" in note for note in notes)
