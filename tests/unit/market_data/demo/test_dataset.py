"""Reading, judging and deriving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from trading_dashboard.agents.market_data.demo.dataset import (
    Action,
    DailyRow,
    derive_actions,
    find_flaws,
)

ActionsBySymbol = Mapping[str, Sequence[Action]]
RowsBySymbol = Mapping[str, Sequence[DailyRow]]


def row(session: str, close: float, adjusted: float, open_: float | None = None) -> DailyRow:
    opened = close if open_ is None else open_
    high, low = max(opened, close), min(opened, close)
    return DailyRow("X", session, opened, high, low, close, 100, adjusted)


def test_all_rows_are_there_and_none_is_flawed(rows: RowsBySymbol) -> None:
    counts = {symbol: len(own) for symbol, own in rows.items()}
    assert counts == {"AAPL": 3270, "FB": 196, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}
    assert not [item for own in rows.values() for item in own if item.flaws]


def test_splits_are_the_three_known_ones(actions: ActionsBySymbol) -> None:
    splits = {
        (item.symbol, item.ex_date, item.ratio)
        for own in actions.values()
        for item in own
        if item.kind == "split"
    }
    assert splits == {
        ("AAPL", "2000-06-21", 2.0),
        ("AAPL", "2005-02-28", 2.0),
        ("MSFT", "2003-02-18", 2.0),
    }


@pytest.mark.parametrize(
    ("symbol", "ex_date", "amount"),
    [
        ("MSFT", "2004-11-15", 3.08),  # the special one of $3.00 with the regular $0.08
        ("MSFT", "2003-02-19", 0.08),
        ("MSFT", "2012-11-13", 0.23),
        ("IBM", "2000-05-08", 0.13),
        ("IBM", "2013-02-06", 0.85),
        ("AAPL", "2012-08-09", 2.65),
        ("AAPL", "2013-02-07", 2.65),
    ],
)
def test_dividends_have_the_amounts_that_were_paid(
    actions: ActionsBySymbol, symbol: str, ex_date: str, amount: float
) -> None:
    found = {item.ex_date: item.amount for item in actions[symbol] if item.kind == "dividend"}
    assert found[ex_date] == amount


def test_every_dividend_is_a_whole_number_of_cents(actions: ActionsBySymbol) -> None:
    amounts = [i.amount for own in actions.values() for i in own if i.amount is not None]
    assert len(amounts) == 92
    assert [amount for amount in amounts if amount != round(amount, 2)] == []


def test_a_factor_common_to_all_rows_is_no_action(rows: RowsBySymbol) -> None:
    google = rows["GOOG"]
    assert google[0].adjusted_close / google[0].close == pytest.approx(0.50155, abs=1e-5)
    assert derive_actions(google) == []


def test_rounding_noise_is_no_dividend() -> None:
    noisy = [row(f"2001-01-{day:02}", 10.0, 5.0 * (1 + 1e-9 * day)) for day in range(1, 20)]
    assert derive_actions(noisy) == []


def test_three_for_two_and_reverse_splits_are_recognised() -> None:
    forward = derive_actions([row("2001-01-02", 30.0, 20.0), row("2001-01-03", 20.0, 20.0)])
    assert [(item.kind, item.ratio) for item in forward] == [("split", 1.5)]
    reverse = derive_actions([row("2001-01-02", 2.0, 20.0), row("2001-01-03", 20.0, 20.0)])
    assert [(item.kind, item.ratio) for item in reverse] == [("split", 0.1)]


def test_a_huge_dividend_is_not_a_split_when_the_price_did_not_move_so() -> None:
    found = derive_actions([row("2001-01-02", 20.0, 10.0), row("2001-01-03", 20.0, 20.0)])
    assert [item.kind for item in found] == ["dividend"]


@pytest.mark.parametrize(
    ("values", "flaw"),
    [
        ((11.0, 10.0, 9.0, 9.5, 5), "open 11.0 is outside 9.0 to 10.0"),
        ((9.5, 10.0, 9.0, 8.5, 5), "close 8.5 is outside 9.0 to 10.0"),
        ((9.5, 9.0, 10.0, 9.5, 5), "low 10.0 is above high 9.0"),
        ((9.5, 10.0, 9.0, 9.5, 0), "volume 0 is not positive"),
        ((float("nan"), 10.0, 9.0, 9.5, 5), "open nan is not a positive number"),
    ],
)
def test_flaws_are_named(values: tuple[float, float, float, float, int], flaw: str) -> None:
    assert flaw in find_flaws(*values)


def test_a_sound_row_has_no_flaws(rows: RowsBySymbol) -> None:
    sound = rows["AAPL"][0]
    assert find_flaws(sound.open, sound.high, sound.low, sound.close, sound.volume) == ()
    assert replace(sound, open=sound.high).flaws == ()
