"""The panel of returns: what is missing stays missing, what is damaged is refused."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from trading_dashboard.agents.risk_management.measures.returns import (
    ReturnPanel,
    expose,
    window_of,
)
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData

DATES = np.datetime64("2010-03-01") + np.arange(6)


def test_a_missing_close_makes_both_returns_beside_it_missing() -> None:
    closes: list[list[float]] = [[100, 10], [110, np.nan], [121, 12], [0, 12], [100, -1], [101, 13]]
    panel = ReturnPanel.from_closes(["A", "B"], DATES, closes)
    nan = np.nan
    np.testing.assert_allclose(
        panel.returns, [[0.1, nan], [0.1, nan], [nan, 0], [nan, nan], [0.01, nan]], rtol=1e-12
    )
    np.testing.assert_array_equal(panel.dates, DATES[1:])


def test_a_part_of_a_panel() -> None:
    panel = ReturnPanel(("A",), DATES, np.arange(6)[:, None] / 100)
    np.testing.assert_array_equal(panel.tail(2).returns.ravel(), [0.04, 0.05])
    assert len(panel.tail(100).dates) == 6
    assert len(panel.tail(0).dates) == 0
    np.testing.assert_array_equal(panel.until(date(2010, 3, 2)).returns.ravel(), [0, 0.01])
    np.testing.assert_array_equal(panel.series("A"), np.arange(6) / 100)
    with pytest.raises(NotEnoughData, match="no returns of B"):
        panel.series("B")


def test_a_panel_does_not_change_under_its_readers() -> None:
    own = np.zeros((6, 1))
    panel = ReturnPanel(("A",), DATES, own)
    own[0] = 5
    assert panel.returns[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        panel.returns[0] = 1


@pytest.mark.parametrize(
    ("symbols", "dates", "returns", "said"),
    [
        (("A",), DATES, np.zeros((6, 2)), "another shape"),
        (("A",), DATES, np.zeros(6), "another shape"),
        (("A", "A"), DATES, np.zeros((6, 2)), "stands twice"),
        (("A",), DATES[::-1], np.zeros((6, 1)), "do not rise"),
        (("A",), DATES[[0, 1, 1, 2, 3, 4]], np.zeros((6, 1)), "do not rise"),
        (("A",), DATES, np.full((6, 1), 1e9), "return of A on 2010-03-01 is none"),
        (("A",), DATES, np.full((6, 1), -1.01), "return of A on 2010-03-01 is none"),
    ],
)
def test_a_panel_that_contradicts_itself_is_refused(
    symbols: tuple[str, ...], dates: np.ndarray, returns: np.ndarray, said: str
) -> None:
    with pytest.raises(InvalidScenario, match=said):
        ReturnPanel(symbols, dates, returns)


def test_the_shortest_history_is_left_out_first() -> None:
    returns = np.full((100, 3), 0.01)
    returns[:60, 1] = np.nan  # 40 days
    returns[50:, 2] = np.nan  # 50 days, none of them B's
    days = np.datetime64("2010-01-01") + np.arange(100)
    exposure = expose(ReturnPanel(("A", "B", "C"), days, returns), [1.0, 1.0, -2.0])
    assert exposure.symbols == ("A", "C")
    assert exposure.missing == ("B",)
    assert exposure.coverage == pytest.approx(0.75)
    assert exposure.window.observations == 50
    assert exposure.window.start == date(2010, 1, 1)
    # Both fit where so few days suffice for each of them alone, but not together.
    assert expose(ReturnPanel(("A", "B"), days, returns[:, :2]), [1, 1]).symbols == ("A", "B")


def test_a_window_without_days_has_no_ends() -> None:
    window = window_of(DATES[:0], ["A"])
    assert (window.start, window.end, window.observations, window.missing) == (None, None, 0, ["A"])
