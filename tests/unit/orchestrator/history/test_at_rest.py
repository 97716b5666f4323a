"""The history on disk where nobody supervises: read, never written, never guessed at."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from trading_dashboard.config.settings import HistorySettings
from trading_dashboard.models.errors import HistoryUnavailable, NotSupervised
from trading_dashboard.orchestrator.history.at_rest import history_at_rest
from trading_dashboard.orchestrator.history.event_history import FILE
from trading_dashboard.orchestrator.history.reader import EventQuery
from trading_dashboard.orchestrator.history.records import wall_clock
from trading_dashboard.orchestrator.history.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the history of one run that ended in order."""
    path = tmp_path / FILE
    store = SqliteStore.open(path, "r1", wall_clock(), HistorySettings())
    store.end(wall_clock())
    store.close()
    return path


def test_it_is_read_and_left_as_it_is(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    assert history_at_rest(tmp_path).events(EventQuery()).events == []
    assert path.read_bytes() == before


def test_without_one_nobody_supervises_and_that_is_all(tmp_path: Path) -> None:
    with pytest.raises(NotSupervised, match="none has left a history"):
        history_at_rest(tmp_path)
    assert not list(tmp_path.iterdir()), "looking makes no file"


@pytest.mark.parametrize(
    ("pragma", "why"),
    [("user_version = 99", "schema 99"), ("application_id = 7", "no history of this program")],
)
def test_what_is_not_ours_to_understand_is_refused(
    path: Path, tmp_path: Path, pragma: str, why: str
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(HistoryUnavailable, match=why):
        history_at_rest(tmp_path)


def test_a_damaged_one_is_told_and_stays(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(HistoryUnavailable, match="cannot be read"):
        history_at_rest(tmp_path)
    assert path.read_bytes() == b"x" * 10_000
