"""Sorting, retention, backups and older versions of the file."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.unit.market_data.store.conftest import DAY, MINUTE, bars
from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreUnusable
from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.agents.market_data.store import compaction
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.backup import back_up_into
from trading_dashboard.agents.market_data.store.contract import Gap, Rejected, Writing
from trading_dashboard.agents.market_data.store.integrity import check_deeply
from trading_dashboard.agents.market_data.store.migrations import VERSION_1
from trading_dashboard.agents.market_data.store.part_store import make_part
from trading_dashboard.agents.market_data.store.parts import State
from trading_dashboard.agents.market_data.store.reading import Arrays
from trading_dashboard.agents.market_data.store.retention import Retention
from trading_dashboard.agents.market_data.store.schema import BARS, Kind


def test_parts_stay_few_and_nothing_is_lost(archive: DuckArchive) -> None:
    for number in range(30):
        archive.write(Writing(bars=[bars("S", number * 100 * DAY, 100)]))
        archive.maintain()
    assert len(archive.store.parts.readable(BARS)) < 10
    assert archive.bars("file", "S", "1d").num_rows == 3000
    archive.compact()
    assert len(archive.store.parts.readable(BARS)) == 2
    assert archive.bars("file", "S", "1d").num_rows == 3000
    assert check_deeply(archive.store).findings == []


def test_rows_in_many_batches_are_sorted_as_in_one(
    archive: DuckArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BATCH_ROWS", 7)
    for number in range(5):
        archive.write(Writing(bars=[bars(s, count=40, close=number + 1.0) for s in "CAB"]))
    archive.compact()
    for symbol in "ABC":
        assert archive.bars("file", symbol, "1d").column("close").to_pylist() == [5.0] * 40
    assert check_deeply(archive.store).findings == []


def test_a_sort_that_fails_leaves_the_old_parts(
    archive: DuckArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.write(Writing(bars=[bars(count=200)]))

    def fail(*_: object) -> None:
        raise duckdb.IOException("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "append_rows", fail)
        with pytest.raises((StoreUnusable, duckdb.IOException)):
            archive.maintain()
    assert archive.bars("file", "AAPL", "1d").num_rows == 200
    assert not archive.store.parts.in_state(BARS, State.MAKING)
    archive.maintain()
    assert archive.store.parts.in_state(BARS, State.SORTED)
    assert archive.bars("file", "AAPL", "1d").num_rows == 200


def test_what_a_crash_left_half_made_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    with DuckArchive(path) as archive:
        archive.write(Writing(bars=[bars()]))
        with archive.store.rearranging() as cursor:
            cursor.execute("UPDATE meta SET value = '9' WHERE key = 'next_part'")
            make_part(cursor, BARS, State.MAKING)
    with DuckArchive(path) as archive:
        assert not archive.store.parts.in_state(BARS, State.MAKING)
        assert archive.bars("file", "AAPL", "1d").num_rows == 10


def minutes(count: int, symbol: str = "AAPL") -> Bars:
    made = bars(symbol, 0, count, interval="1m", step=MINUTE)
    made.open[:] = np.arange(count) + 10
    made.close[:] = np.arange(count) + 11
    made.high[:] = np.arange(count) + 12
    made.low[:] = np.arange(count) + 1
    return made


def test_coarser_bars_are_made_before_finer_ones_go(tmp_path: Path) -> None:
    retention = Retention(bars_days={"1m": 1})
    with DuckArchive(tmp_path / "a.duckdb", retention=retention) as archive:
        have = bars("AAPL", 15 * MINUTE, 1, interval="15m", step=15 * MINUTE, close=77)
        archive.write(Writing(bars=[minutes(3 * 1440), have, bars()]))
        archive.compact()
        archive.maintain(now=3 * DAY)
        left = archive.bars("file", "AAPL", "1m").column("start").to_pylist()
        assert left == [at * MINUTE for at in range(2 * 1440, 3 * 1440)]
        coarse = archive.bars("file", "AAPL", "15m").to_pylist()
        assert len(coarse) == 2 * 96
        assert coarse[0] == {
            "start": 0, "open": 10, "high": 26, "low": 1, "close": 25, "volume": 75,
            "closed": True, "revision": 0,
        }  # fmt: skip
        assert coarse[1]["close"] == 77
        assert archive.bars("file", "AAPL", "1d").num_rows == 10
        archive.maintain(now=3 * DAY)
        assert archive.bars("file", "AAPL", "15m").num_rows == 2 * 96


def test_ticks_become_minutes(tmp_path: Path) -> None:
    with DuckArchive(tmp_path / "a.duckdb", retention=Retention(ticks_days=1)) as archive:
        at = np.arange(0, 2 * DAY, MINUTE // 2, dtype=np.int64)
        count = len(at)
        archive.write(
            Writing(
                ticks=[
                    Ticks(
                        source="file", symbols=("AAPL",), symbol=np.zeros(count, np.int32), at=at,
                        price=np.arange(1.0, count + 1), size=np.ones(count), received=at,
                    )
                ]
            )
        )  # fmt: skip
        archive.compact()
        archive.maintain(now=2 * DAY)
        assert archive.ticks("file", "AAPL", 0, DAY).num_rows == 0
        assert archive.ticks("file", "AAPL", 0, 2 * DAY).num_rows == 2880
        made = archive.bars("file", "AAPL", "1m").to_pylist()
        assert len(made) == 1440
        assert (made[1]["open"], made[1]["close"], made[1]["volume"]) == (3, 4, 2)


def test_records_kept_beside_are_trimmed(tmp_path: Path) -> None:
    retention = Retention(rejected_rows=2, filled_gaps_days=1)
    rejected = [
        Rejected(source="f", symbol="A", interval="", at=None, received=0, reason=str(number),
                 detail="", row="{}")
        for number in range(5)
    ]  # fmt: skip
    gaps = [
        Gap(source="f", symbol="A", interval="", start=number, end=9, cause="source_silent",
            filled_at=filled, found_at=found)
        for number, (filled, found) in enumerate([(1, 0), (None, 0), (1, 5 * DAY)])
    ]  # fmt: skip
    with DuckArchive(tmp_path / "a.duckdb", retention=retention) as archive:
        archive.write(Writing(rejected=rejected, gaps=gaps))
        archive.maintain(now=5 * DAY)
        assert [row.reason for row in archive.rejected()] == ["4", "3"]
        assert archive.rejected_counts() == {("f", "A"): 5}
        assert [gap.start for gap in archive.gaps()] == [2, 1]


@pytest.mark.parametrize("bars_days", [{"1d": 30}, {"1m": 0}])
def test_ages_that_make_no_sense_are_refused(bars_days: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"1d|at least 1"):
        Retention(bars_days=bars_days)


def test_a_backup_is_whole_while_others_write(archive: DuckArchive, tmp_path: Path) -> None:
    done = threading.Event()
    written = [0]

    def write() -> None:
        while not done.is_set():
            written[0] += 1
            batch = bars("S", written[0] * 50 * DAY, 50, close=written[0])
            archive.write(Writing(bars=[batch], notes={"last": str(written[0])}))

    writer = threading.Thread(target=write)
    archive.write(Writing(bars=[bars(f"T{number}", count=2000) for number in range(50)]))
    archive.compact()
    writer.start()
    try:
        for number in range(3):
            archive.backup(tmp_path / f"copy-{number}.duckdb")
    finally:
        done.set()
        writer.join()
    for number in range(3):
        with DuckArchive(tmp_path / f"copy-{number}.duckdb") as copy:
            assert check_deeply(copy.store).findings == []
            last = int(copy.note("last") or 0)
            assert copy.bars("file", "S", "1d").num_rows == last * 50
            assert copy.bars("file", "T7", "1d").num_rows == 2000
    assert not list(tmp_path.glob("*.partial*"))


def test_only_the_newest_backups_stay(archive: DuckArchive, tmp_path: Path) -> None:
    made = [back_up_into(archive, tmp_path / "backups", keep=2) for _ in range(3)]
    assert sorted((tmp_path / "backups").iterdir()) == made[1:]


def test_a_backup_that_cannot_be_written_leaves_nothing(
    archive: DuckArchive, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable):
        archive.backup(tmp_path / "file" / "copy.duckdb")
    archive.write(Writing(bars=[bars()]))


def test_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    with duckdb.connect(str(path)) as old:
        old.execute(VERSION_1)
        for symbol in ("AAPL", "MSFT"):
            for day in range(3):
                old.execute(
                    "INSERT INTO bars VALUES ('file', ?, '1d', ?, 1, 3, 1, 2, 9, true)",
                    [symbol, day * DAY],
                )
        old.execute("INSERT INTO bars VALUES ('file', 'AAPL', '1d', 0, 1, 3, 1, 2.5, 9, true)")
        old.execute("INSERT INTO notes VALUES ('quota', '7')")
        old.execute("INSERT INTO rejected VALUES (1,'file','A','1d',NULL,5,'no_time','','{}')")
    for _ in range(2):
        with DuckArchive(path) as archive:
            table = archive.bars("file", "AAPL", "1d")
            assert table.column("close").to_pylist() == [2.5, 2, 2]
            assert table.column("revision").to_pylist() == [0, 0, 0]
            assert archive.note("quota") == "7"
            assert archive.rejected_counts() == {("file", "A"): 1}
            archive.write(Writing(bars=[bars("MSFT", count=1, close=4, revision=1)]))
            assert archive.bars("file", "MSFT", "1d").column("close").to_pylist() == [4, 2, 2]
            archive.compact()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    DuckArchive(path).close()
    with duckdb.connect(str(path)) as newer:
        newer.execute("UPDATE meta SET value = '3' WHERE key = 'schema_version'")
    with pytest.raises(StoreUnusable, match="reads up to version 2") as caught:
        DuckArchive(path)
    assert not isinstance(caught.value, StoreDamaged)


def test_another_database_is_not_taken_for_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE something (x INTEGER)")
    with pytest.raises(StoreDamaged, match="which version"):
        DuckArchive(path)


def test_sorting_piece_by_piece_gives_what_sorting_at_once_does(
    archive: DuckArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    expected: dict[str, dict[int, float]] = {}
    asked: list[str] = []
    batches = compaction.batches

    def noted(cursor: duckdb.DuckDBPyConnection, query: str, kind: Kind) -> Iterator[Arrays]:
        asked.append(query)
        return batches(cursor, query, kind)

    monkeypatch.setattr(compaction, "SORT_ROWS", 40)
    monkeypatch.setattr(compaction, "batches", noted)
    for number in range(12):
        for symbol in chance.sample(["A", "B", "C", "D", "E"], 3):
            begin, count = chance.randrange(60), chance.randrange(1, 70)
            batch = bars(symbol, begin * DAY, count, close=float(number))
            archive.write(Writing(bars=[batch]))
            expected.setdefault(symbol, {}).update(dict.fromkeys(batch.start.tolist(), number))
        archive.compact()
        assert len(asked) == len(set(asked)) >= 3 or number == 0
        asked.clear()
    for symbol, rows in expected.items():
        table = archive.bars("file", symbol, "1d")
        assert table.column("start").to_pylist() == sorted(rows)
        assert table.column("close").to_pylist() == [rows[at] for at in sorted(rows)]
    assert check_deeply(archive.store).findings == []
