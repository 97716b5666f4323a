"""The open file is given back whatever other threads do with it."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.store.database import Database

LONG = "SELECT count(*) FROM range(100000000) a(i), range(1000) b(i) WHERE began(a.i) = b.i"


class LongReader:
    """Another thread in the middle of a query that would take minutes."""

    def __init__(self, database: Database) -> None:
        self.began = threading.Event()
        self.outcome: StoreUnusable | None = None
        self.cursor: duckdb.DuckDBPyConnection | None = None
        self._thread = threading.Thread(target=self._read, args=(database,))
        self._thread.start()
        assert self.began.wait(10)

    def _read(self, database: Database) -> None:
        try:
            with database.stream() as cursor:
                self.cursor = cursor
                cursor.create_function("began", self._begin, ["BIGINT"], "BIGINT")
                cursor.execute(LONG).fetchall()
        except StoreUnusable as error:
            self.outcome = error

    def _begin(self, value: int) -> int:
        self.began.set()
        return value

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_closing_ends_a_query_of_another_thread(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    database = Database(path, {"threads": "1"})
    reader = LongReader(database)
    database.close()
    reader.join()
    assert isinstance(reader.outcome, StoreUnusable)
    duckdb.connect(str(path)).close()  # the lock is given back


def test_duckdb_refuses_to_close_what_is_read(tmp_path: Path) -> None:
    database = Database(tmp_path / "archive.duckdb", {"threads": "1"})
    reader = LongReader(database)
    assert reader.cursor is not None
    with pytest.raises(duckdb.Error):
        reader.cursor.close()
    database.close()
    reader.join()
