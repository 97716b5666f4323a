"""Moments of a session, as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.models.market_offsets import Offset, looks_like_offset, parse_offset


@pytest.mark.parametrize(
    ("text", "anchor", "seconds"),
    [
        ("open", "open", 0),
        ("close", "close", 0),
        ("open-15m", "open", -900),
        ("close+30m", "close", 1800),
        ("close+1h30m", "close", 5400),
        ("open-72h", "open", -72 * 3600),
        ("open+90m", "open", 5400),
    ],
)
def test_an_offset_is_read(text: str, anchor: str, seconds: int) -> None:
    offset = parse_offset(text)
    assert (offset.anchor, offset.seconds) == (anchor, seconds)


@pytest.mark.parametrize(
    "text",
    ["", "open-", "open15m", "opening", "close+", "close + 5m", "open-15", "open-15s", "open--5m",
     "close+30m1h", "open-73h", "open+99999m", "noon", "open-1h30m\n", "open-\u0661m"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(Write|It must)"):
        parse_offset(text)


@given(st.sampled_from(["open", "close"]), st.integers(-72 * 60, 72 * 60))
def test_what_is_written_is_read_back(anchor: str, minutes: int) -> None:
    offset = Offset("open" if anchor == "open" else "close", minutes * 60)
    assert parse_offset(str(offset)) == offset
    assert looks_like_offset(str(offset))
