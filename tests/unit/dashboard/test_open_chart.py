"""What a component asks for is checked before a chart is opened with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import streamlit as st

from trading_dashboard.dashboard.views import patterns

WISH = {"symbol": "BTC/USDT", "timeframe": "1h", "id": "BTC/USDT:1h:bull_flag:1346860800"}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return the queries of the charts that are opened."""
    queries: list[dict[str, str]] = []

    def switch(_: Any, *, query_params: dict[str, str]) -> None:
        queries.append(query_params)

    monkeypatch.setattr(st, "switch_page", switch)
    monkeypatch.setattr(st, "Page", lambda *_, **__: None)
    return queries


def test_the_chart_opens_at_the_pattern(opened: list[dict[str, str]]) -> None:
    patterns.open_chart(json.dumps(WISH))

    expected = {"symbol": WISH["symbol"], "interval": "1h", "adjusted": "splits"}
    assert opened == [expected | {"pattern": WISH["id"]}]


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "no json",
        "[]",
        "{}",
        json.dumps(WISH | {"symbol": "<script>"}),
        json.dumps(WISH | {"timeframe": "7m"}),
        json.dumps(WISH | {"id": "two words"}),
        json.dumps(WISH | {"id": "x" * 201}),
    ],
)
def test_what_makes_no_sense_opens_nothing(opened: list[dict[str, str]], asked: str | None) -> None:
    patterns.open_chart(asked)

    assert opened == []
