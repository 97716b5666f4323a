"""What a person types finds what is meant, the best first."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.agents.market_data.search import SymbolIndex, edit_distance

ENTRIES = [
    ("AAPL", "Apple Inc."),
    ("APP", "AppLovin Corporation"),
    ("APLE", "Apple Hospitality REIT"),
    ("MSFT", "Microsoft Corporation"),
    ("MU", "Micron Technology, Inc."),
    ("SNAP", "Snap Inc."),
    ("BTC/USDT", "Bitcoin / Tether"),
    ("BRK.B", "Berkshire Hathaway"),
]


def found(text: str) -> list[str]:
    return [ENTRIES[i][0] for i in SymbolIndex(ENTRIES).search(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app", ["APP", "AAPL", "APLE"]),  # itself, then names that begin so
        ("ap", ["APP", "APLE", "AAPL", "SNAP"]),  # symbols, names, contains
        ("apple", ["AAPL", "APLE"]),
        ("apple hosp", ["APLE"]),
        ("reit", ["APLE"]),
        ("hathaway berk", ["BRK.B"]),
        ("micro", ["MU", "MSFT"]),
        ("btc/usdt", ["BTC/USDT"]),
        ("brk.b", ["BRK.B"]),
        ("  Apple   inc ", ["AAPL"]),
    ],
)
def test_the_best_comes_first(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("slip", "meant"), [("appel", "AAPL"), ("mcirosoft", "MSFT"), ("msfr", "MSFT")]
)
def test_slips_of_the_finger(slip: str, meant: str) -> None:
    assert found(slip)[0] == meant


def test_nothing_like_it_is_nothing() -> None:
    assert found("zzzzzz") == []
    assert found("q") == []
    assert found("\0") == []


def test_no_text_is_everything_in_order() -> None:
    assert found("") == sorted(symbol for symbol, _ in ENTRIES)
    assert SymbolIndex([]).search("x") == []


@given(text=st.text(max_size=80))
def test_any_text_is_answered_and_nothing_twice(text: str) -> None:
    answer = SymbolIndex(ENTRIES).search(text)
    assert len(set(answer)) == len(answer)


def plain_distance(a: str, b: str) -> int:
    """Optimal string alignment, straight from its definition."""
    table = [[max(i, j) if not i * j else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


words = st.text("ABC", max_size=7)


@given(a=words, b=words, limit=st.integers(0, 4))
def test_the_distance_is_that_of_the_definition(a: str, b: str, limit: int) -> None:
    assert edit_distance(a, b, limit) == min(plain_distance(a, b), limit + 1)


def test_twenty_thousand_symbols_are_searched_whole() -> None:
    chance = random.Random(1)
    entries = [
        ("".join(chance.choices(string.ascii_uppercase, k=5)), f"Company {i}")
        for i in range(20_000)
    ]
    index = SymbolIndex([*entries, ("ZYXWVU", "Needle Works")])
    assert index.search("needel") == [20_000]
    assert index.search("zyxwvu")[0] == 20_000
    assert len(index.search("company")) == 20_000
