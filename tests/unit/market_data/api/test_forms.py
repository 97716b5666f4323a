"""Which form is chosen, and when an answer is known already."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.agents.market_data.api import validators
from trading_dashboard.agents.market_data.api.forms import Format, chosen
from trading_dashboard.agents.market_data.api.tables import ARROW, PARQUET
from trading_dashboard.agents.market_data.api.validators import content_tag, is_known
from trading_dashboard.agents.market_data.market import BarsAnswer


@pytest.mark.parametrize(
    ("format_", "accept", "expected"),
    [
        (None, None, "json"),
        (None, "text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        (None, ARROW, "arrow"),
        (None, f"{PARQUET};q=0.5, {ARROW};q=0.9", "arrow"),
        (None, f"{PARQUET}; q=1, {ARROW};q=0.9", "parquet"),
        (None, f"{ARROW};q=0", "json"),
        (None, f"{ARROW};q=nonsense", "json"),
        (None, f"application/json, {ARROW};q=0.1", "json"),
        ("json", ARROW, "json"),
        ("parquet", None, "parquet"),
    ],
)
def test_the_form_is_what_was_asked_for(
    format_: Format | None, accept: str | None, expected: str
) -> None:
    assert chosen(format_, accept) == expected


@given(accept=st.text(max_size=60))
def test_any_accept_header_is_understood(accept: str) -> None:
    assert chosen(None, accept) in ("json", "arrow", "parquet")


def tag(form: str = "json none", **changes: Any) -> str:
    columns = {
        "start": np.arange(5, dtype=np.int64),
        "close": np.arange(5, dtype=np.float64),
        "closed": np.ones(5, dtype=np.bool_),
    }
    head = {"symbol": "A", "as_of": "now"}
    head.update({key: value for key, value in changes.items() if key in head})
    columns.update({key: value for key, value in changes.items() if key in columns})
    return content_tag(form, BarsAnswer(head=head, table=columns))


def test_the_tag_changes_with_what_is_said_and_with_nothing_else() -> None:
    same = tag()
    assert tag() == same
    assert tag(as_of="later") == same
    assert tag(close=np.array([0.0, 1.0, 2.0, 3.0, 4.0 + 1e-15])) != same
    assert tag(close=np.array([1.0, 0.0, 2.0, 3.0, 4.0])) != same
    assert tag(closed=np.array([True, True, True, True, False])) != same
    assert tag(symbol="B") != same
    assert tag("arrow none") != same


def test_the_tag_of_many_bars_is_made_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    close = np.arange(5, dtype=np.float64)
    table = {"start": close + 1, "close": close, "adjusted_close": close}
    apart = {**table, "adjusted_close": close.copy()}  # equal, and not the same memory
    answers = [BarsAnswer(head={}, table=each) for each in (table, apart)]
    alone = [content_tag("x", answer) for answer in answers]
    monkeypatch.setattr(validators, "PARALLEL_BARS", 1)
    assert {*alone, *(content_tag("x", answer) for answer in answers)} == {alone[0]}
    other = BarsAnswer(head={}, table={**table, "adjusted_close": close + 1})
    assert content_tag("x", other) != alone[0]


def test_the_tag_does_not_know_how_a_table_is_cut() -> None:
    table = pa.table({"start": np.arange(9), "closed": np.arange(9) > 4})
    cut = pa.concat_tables([table.slice(0, 3), table.slice(3)])
    tags = {content_tag("x", BarsAnswer(head={}, table=each)) for each in (table, cut)}
    assert len(tags) == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False), ("", False), ('"abc"', True), ('W/"abc"', True), ("*", True),
        ('"x", W/"abc"', True), ('"ab"', False), ("abc", False), ('"', False),
    ],
)  # fmt: skip
def test_known_tags(header: str | None, expected: bool) -> None:
    assert is_known("abc", header) is expected
