"""Rows of a series, read in two ways."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.unit.market_data.store.conftest import DAY, bars
from trading_dashboard.agents.market_data.store import reading
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.contract import Writing


@pytest.mark.parametrize("is_sorted", [False, True])
def test_many_rows_are_read_the_same_as_few(
    archive: DuckArchive, is_sorted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.write(Writing(bars=[bars(count=150), bars("B", count=20)]))
    if is_sorted:
        archive.compact()
    archive.write(Writing(bars=[bars(begin=140 * DAY, count=20, close=11.0, revision=1)]))
    asked = [{}, {"limit": 7}, {"limit": 30, "newest": True}, {"start": 100 * DAY, "limit": 45},
             {"end": 145 * DAY}, {"start": 900 * DAY}]  # fmt: skip

    def read() -> list[pa.Table]:
        return [archive.bars("file", "AAPL", "1d", **each) for each in asked]  # type: ignore[arg-type]

    few = read()
    monkeypatch.setattr(reading, "MANY_ROWS", 1)
    monkeypatch.setattr(reading, "SMALL_ROWS", 0)
    monkeypatch.setattr(reading, "_fetch", None)  # shows that it is not used
    many = read()
    assert [table.num_rows for table in few] == [160, 7, 30, 45, 145, 0]
    assert few == many
    assert [table.schema for table in few] == [table.schema for table in many]
