"""The file: private, checked, kept within bounds, and what it answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from trading_dashboard.config.settings import HistorySettings
from trading_dashboard.models.errors import HistoryUnavailable
from trading_dashboard.orchestrator.history import reader as reading
from trading_dashboard.orchestrator.history.availability import AvailabilityTally
from trading_dashboard.orchestrator.history.reader import (
    EventQuery,
    HistoryReader,
    IncidentQuery,
)
from trading_dashboard.orchestrator.history.records import SECOND, Record, moment, wall_clock
from trading_dashboard.orchestrator.history.store import DAY, SqliteStore

NOW = wall_clock()
KEEP = HistorySettings()


def record(seq: int, time: int = NOW, status: str = "running", agent: str = "a") -> Record:
    return Record(
        seq=seq, time=time, kind="transition", agent=agent, status=status, health="healthy",
        data_state="unknown", data='{"reason": "so"}',
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "supervisor" / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(path, "r1", NOW, KEEP)
    yield opened
    opened.close()


def seqs(path: Path, **query: object) -> list[int]:
    found = HistoryReader(path, "r1").events(EventQuery(**query))  # type: ignore[arg-type]
    return [event.seq for event in found.events]


def test_only_the_owner_can_read_it(path: Path, store: SqliteStore) -> None:
    store.write([record(1)], NOW)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    files = list(path.parent.iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 99])
def test_a_damaged_file_is_moved_aside(
    content: bytes, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with closing(SqliteStore.open(path, "r1", NOW, KEEP)) as store:
        store.write([record(1)], NOW)
    (aside,) = path.parent.glob("history.db.damaged-*")
    assert aside.read_bytes() == content
    assert f"moved to {aside.name}" in caplog.text
    assert seqs(path) == [1]


def test_damage_within_is_found_at_opening(path: Path) -> None:
    with closing(SqliteStore.open(path, "r1", NOW, KEEP)) as store:
        store.write([record(seq) for seq in range(2000)], NOW)
    content = bytearray(path.read_bytes())
    content[40_000:80_000] = bytes(40_000)
    path.write_bytes(content)
    SqliteStore.open(path, "r2", NOW, KEEP).close()
    assert list(path.parent.glob("history.db.damaged-*"))


def test_a_foreign_database_is_not_written_to(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("CREATE TABLE t (x)")
    SqliteStore.open(path, "r1", NOW, KEEP).close()
    (aside,) = path.parent.glob("history.db.damaged-*")
    with closing(sqlite3.connect(aside)) as theirs:
        assert theirs.execute("SELECT name FROM sqlite_schema").fetchall() == [("t",)]


def test_a_newer_schema_is_left_alone(path: Path) -> None:
    SqliteStore.open(path, "r1", NOW, KEEP).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 2")
    with pytest.raises(HistoryUnavailable, match="newer version"):
        SqliteStore.open(path, "r2", NOW, KEEP)
    assert not list(path.parent.glob("history.db.damaged-*"))


def test_a_symbolic_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        SqliteStore.open(path, "r1", NOW, KEEP)


def test_what_is_too_old_goes_but_not_what_tells_where_an_agent_stood(path: Path) -> None:
    keep = HistorySettings(retention_days=1)
    with closing(SqliteStore.open(path, "dead", NOW - 9 * DAY, keep)) as earlier:
        earlier.write([record(1, NOW - 9 * DAY)], NOW - 8 * DAY)
        earlier.end(NOW - 8 * DAY)
    with closing(SqliteStore.open(path, "r1", NOW - 5 * DAY, keep)) as store:
        old = [record(seq, NOW - 5 * DAY + seq) for seq in range(2, 5)]
        store.write([*old, record(5, NOW - 10, agent="b")], NOW)
        store.tidy(NOW)
    assert seqs(path) == [4, 5]
    answer = HistoryReader(path, "r1").availability(
        AvailabilityTally(moment(NOW - DAY).date(), moment(NOW - DAY).date()), "a", NOW
    )
    assert answer.days[0].agents["a"].running_seconds == 86_400
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT run_id FROM runs").fetchall() == [("r1",)]


def test_there_are_never_many_more_than_allowed(path: Path) -> None:
    keep = HistorySettings(max_events=1000)
    with closing(SqliteStore.open(path, "r1", NOW, keep)) as store:
        store.write([record(seq, NOW + seq) for seq in range(7000)], NOW + 7000)
        store.tidy(NOW + 7000)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*), max(seq) FROM events").fetchone() == (
            1001,  # with where the agent stood before them
            6999,
        )


def test_events_are_found_by_time_agent_kind_and_page(path: Path, store: SqliteStore) -> None:
    store.write([record(seq, NOW + seq * SECOND, agent="ab"[seq % 2]) for seq in range(10)], NOW)
    at = moment(NOW)
    assert seqs(path, since=at + timedelta(seconds=7)) == [7, 8, 9]
    assert seqs(path, until=at + timedelta(seconds=2)) == [0, 1]
    assert seqs(path, agent="b", limit=2) == [7, 9]
    assert seqs(path, kinds=("health_changed",)) == []
    assert len(seqs(path, kinds=("health_changed", "transition"))) == 10
    assert seqs(path, agent="' OR 1=1 --") == []
    reader = HistoryReader(path, "r1")
    pages, before = [], None
    while True:
        page = reader.events(EventQuery(limit=4, before=before))
        pages.append([event.seq for event in page.events])
        before = page.next_before
        if before is None:
            break
    assert pages == [[6, 7, 8, 9], [2, 3, 4, 5], [0, 1]]


def test_a_killed_run_lasted_until_it_was_last_seen(path: Path, store: SqliteStore) -> None:
    begin = NOW - 100 * SECOND
    with closing(SqliteStore.open(path, "killed", begin, KEEP)) as killed:
        # As if the file had been left by it: rows in the order of the runs.
        killed.write([record(1, begin)], begin + 20 * SECOND)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE runs SET id = id + 10 WHERE run_id = 'r1'")
    reader = HistoryReader(path, "r1")
    since, until = moment(begin - SECOND), moment(NOW + SECOND)
    answer = reader.incidents(IncidentQuery(since=since, until=until), NOW)
    (found,) = answer.incidents
    assert (found.agent, found.duration_seconds) == ("supervisor", 80.0)
    query = IncidentQuery(since=since, until=until, agent="a")
    assert reader.incidents(query, NOW).incidents == []
    tally = AvailabilityTally(since.date(), until.date())
    assert reader.availability(tally, None, NOW).total["a"].running_seconds == 20.0


def test_an_incident_that_began_before_the_period_is_whole(path: Path, store: SqliteStore) -> None:
    with closing(SqliteStore.open(path, "r1", NOW - DAY, KEEP)) as again:
        again.write(
            [record(1, NOW, "running"), record(2, NOW + SECOND, "backoff")]
            + [record(seq, NOW + 2 * SECOND, "error") for seq in range(3, 6)],
            NOW + 100 * SECOND,
        )
    reader = HistoryReader(path, "r1")
    query = IncidentQuery(since=moment(NOW + 50 * SECOND), until=moment(NOW + 60 * SECOND), limit=1)
    (found,) = reader.incidents(query, NOW + 101 * SECOND).incidents
    assert (found.duration_seconds, found.outcome) == (100.0, "ongoing")


def test_a_question_that_takes_too_long_is_cut_off(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write([record(seq) for seq in range(20_000)], NOW)
    monkeypatch.setattr(reading, "DEADLINE_SECONDS", 0.0)
    with pytest.raises(HistoryUnavailable, match="took longer"):
        HistoryReader(path, "r1").events(EventQuery(agent="nobody"))


def test_without_a_file_there_is_no_answer(path: Path) -> None:
    with pytest.raises(HistoryUnavailable, match="cannot be read"):
        HistoryReader(path, "r1").events(EventQuery())
