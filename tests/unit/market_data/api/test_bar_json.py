"""Bars as JSON are what a dictionary per bar would be."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from trading_dashboard.agents.market_data.api.bar_json import history_json, rows_json
from trading_dashboard.agents.market_data.market import BarsAnswer, Columns
from trading_dashboard.models.market import HistoricalResponse

HEAD = {
    "symbol": 'A"B', "interval": "1m", "next_page": None, "as_of": "2026-01-02T00:00:00Z",
    "source": 'a "source", odd', "replay": False, "intraday": "real",
}  # fmt: skip


def columns(count: int) -> dict[str, Any]:
    chance = np.random.default_rng(1)
    return {
        "start": np.arange(count, dtype=np.int64) * 60_000_000 + 1_700_000_000_000_000,
        "open": chance.random(count),
        "high": chance.random(count) * 1e9,
        "low": chance.random(count) * 1e-9,
        "close": np.round(chance.random(count), 2),
        "volume": np.floor(chance.random(count) * 1e7),
        "adjusted_close": np.where(np.arange(count) % 2, np.nan, 1.5),
        "quality_score": np.full(count, 99.5),
        "closed": np.arange(count) % 3 > 0,
        "revision": np.arange(count, dtype=np.int32),
    }


def plain(given: Columns) -> list[dict[str, Any]]:
    """A dictionary per bar."""
    rows = []
    for i in range(len(given["start"])):
        row = {name: given[name][i].item() for name in given if name != "start"}
        at = str(given["start"][i].astype("datetime64[us]")).removesuffix(".000000")
        row["timestamp"] = at + "Z"
        row["source"] = HEAD["source"]
        if row["adjusted_close"] != row["adjusted_close"]:
            row["adjusted_close"] = None
        rows.append(row)
    return rows


@pytest.mark.parametrize("count", [0, 1, 2, 501])
def test_the_rows_are_those_of_a_dictionary_per_bar(count: int) -> None:
    given = columns(count)
    assert orjson.loads(rows_json(str(HEAD["source"]), given)) == plain(given)


def test_arrow_and_numpy_give_the_same_text() -> None:
    given = columns(50)
    table = pa.table(given)
    chunked = pa.concat_tables([table.slice(0, 20), table.slice(20)])
    expected = history_json(BarsAnswer(head=HEAD, table=given))
    assert history_json(BarsAnswer(head=HEAD, table=chunked)) == expected
    nulls = table.set_column(
        6, "adjusted_close", pa.array(given["adjusted_close"], from_pandas=True)
    )
    assert history_json(BarsAnswer(head=HEAD, table=nulls)) == expected


def test_the_body_is_a_historical_response() -> None:
    given = columns(3)
    body = orjson.loads(history_json(BarsAnswer(head=HEAD, table=given)))
    answer = HistoricalResponse.model_validate(body)
    assert answer.data_points == 3
    assert str(answer.start_date) == str(answer.end_date) == "2023-11-14"
    assert body["data"][0]["volume"] == int(given["volume"][0])
    assert isinstance(body["data"][0]["volume"], int)


def test_parts_of_a_coin_stay_parts() -> None:
    given = columns(2) | {"volume": np.array([0.5, 3.0])}
    rows = orjson.loads(rows_json("x", given))
    assert [row["volume"] for row in rows] == [0.5, 3.0]


def test_moments_within_a_second_are_told() -> None:
    given = columns(2) | {"start": np.array([1_500_000, 2_000_001], dtype=np.int64)}
    rows = orjson.loads(rows_json("x", given))
    assert rows[0]["timestamp"] == "1970-01-01T00:00:01.500000Z"
    assert rows[1]["timestamp"] == "1970-01-01T00:00:02.000001Z"


def test_columns_that_are_not_in_one_piece() -> None:
    given = {name: np.repeat(column, 2)[::2] for name, column in columns(5).items()}
    assert orjson.loads(rows_json(str(HEAD["source"]), given)) == plain(columns(5))


@pytest.mark.parametrize("count", [1, 2, 50])
def test_what_all_bars_say_alike_is_written_all_the_same(count: int) -> None:
    given = columns(count) | {
        "adjusted_close": np.full(count, np.nan),
        "volume": np.full(count, 7.0),
        "closed": np.ones(count, dtype=np.bool_),
        "revision": np.zeros(count, dtype=np.int32),
        "low": np.full(count, 0.1),
    }
    assert orjson.loads(rows_json(str(HEAD["source"]), given)) == plain(given)
    alike = {name: np.repeat(column[:1], count) for name, column in given.items()}
    assert orjson.loads(rows_json(str(HEAD["source"]), alike)) == plain(alike)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_bar_that_says_otherwise_is_not_lost(at: int) -> None:
    given = columns(3) | {"quality_score": np.full(3, np.nan), "closed": np.ones(3, np.bool_)}
    given["quality_score"][at], given["closed"][at] = 50.0, False
    rows = orjson.loads(rows_json("x", given))
    assert [row["quality_score"] for row in rows] == [50.0 if n == at else None for n in range(3)]
    assert [row["closed"] for row in rows] == [n != at for n in range(3)]
