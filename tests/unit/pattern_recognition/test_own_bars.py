"""Bars that are sent: every mistake names its row and its value."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trading_dashboard.agents.pattern_recognition.own_bars import MAX_TOLD, checked_bars
from trading_dashboard.models.errors import InvalidBars
from trading_dashboard.models.pattern_api import OwnBars

START = datetime(2012, 9, 4, tzinfo=UTC)


def own(count: int = 5, **changes: Any) -> OwnBars:
    columns: dict[str, Any] = {
        "timestamp": [START + timedelta(days=day) for day in range(count)],
        "open": [10.0] * count,
        "high": [12.0] * count,
        "low": [9.0] * count,
        "close": [11.0] * count,
        "volume": [100.0] * count,
    }
    for name, (row, value) in changes.items():
        columns[name][row] = value
    return OwnBars(**columns)


def test_good_bars_become_columns() -> None:
    bars = checked_bars(own())
    assert len(bars) == 5
    assert bars.moment(1) == START + timedelta(days=1)
    assert bars.volume.tolist() == [100.0] * 5


def test_a_bar_without_a_price_is_a_gap() -> None:
    bars = checked_bars(own(high=(2, None)))
    assert bars.is_sound.tolist() == [True, True, False, True, True]
    assert math.isnan(bars.close[2])


def test_bars_without_volume() -> None:
    assert all(math.isnan(value) for value in checked_bars(without_volume()).volume)


def without_volume() -> OwnBars:
    return own().model_copy(update={"volume": None})


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"high": (3, 10.5)}, "high[3]"),
        ({"low": (1, 10.5)}, "low[1]"),
        ({"close": (2, math.inf)}, "close[2]"),
        ({"open": (2, math.nan)}, "open[2]"),
        ({"volume": (4, -1.0)}, "volume[4]"),
        ({"timestamp": (2, START)}, "timestamp[2]"),
        ({"timestamp": (0, datetime(1, 1, 1, tzinfo=UTC))}, "timestamp[0]"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InvalidBars) as caught:
        checked_bars(own(**changes))
    assert parameter in [detail["parameter"] for detail in caught.value.details]
    assert "observed" in caught.value.details[0]


def test_columns_of_other_lengths() -> None:
    bars = own().model_copy(update={"low": [9.0] * 3, "volume": [1.0]})
    with pytest.raises(InvalidBars) as caught:
        checked_bars(bars)
    assert [detail["parameter"] for detail in caught.value.details] == ["low", "volume"]


def test_the_first_mistakes_are_enough() -> None:
    bars = own(1_000).model_copy(update={"high": [1.0] * 1_000})
    with pytest.raises(InvalidBars) as caught:
        checked_bars(bars)
    assert len(caught.value.details) == MAX_TOLD
