"""What the archive keeps and answers."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.market_data.store.conftest import DAY, bars
from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreInUse, StoreUnusable
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Ticks
from trading_dashboard.agents.market_data.store.actions_known import KnownActions
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.contract import (
    Archive,
    Gap,
    Rejected,
    Writing,
)


def closes(archive: DuckArchive, symbol: str = "AAPL", **options: int | bool | None) -> list[float]:
    table = archive.bars("file", symbol, "1d", **options)  # type: ignore[arg-type]
    return list(table.column("close").to_pylist())


def test_the_contract_is_fulfilled(archive: DuckArchive) -> None:
    fulfilled: Archive = archive
    assert fulfilled.note("x") is None


def test_bars_come_back_as_they_were_written(archive: DuckArchive) -> None:
    written = replace(bars(count=3), closed=np.array([True, True, False]))
    archive.write(Writing(bars=[written, bars("MSFT", count=2)]))
    table = archive.bars("file", "AAPL", "1d")
    assert table.column_names == [
        "start", "open", "high", "low", "close", "volume", "closed", "revision",
    ]  # fmt: skip
    for name in table.column_names:
        read = table.column(name).to_numpy()
        assert read.dtype == getattr(written, name).dtype
        assert np.array_equal(read, getattr(written, name))
    assert archive.bars("other", "AAPL", "1d").num_rows == 0
    assert archive.bars("file", "AAPL", "1m").schema == table.schema


@pytest.mark.parametrize("is_sorted", [False, True])
def test_stretches_and_limits(archive: DuckArchive, is_sorted: bool) -> None:
    rows = [(day * DAY, 1.0, 100.0, 1.0, float(day + 1), 1.0) for day in range(10)]
    archive.write(Writing(bars=[Bars.of("file", "AAPL", "1d", rows), bars("B"), bars("A")]))
    if is_sorted:
        archive.compact()
    assert closes(archive, start=3 * DAY, end=5 * DAY) == [4, 5]
    assert closes(archive, limit=2) == [1, 2]
    assert closes(archive, limit=2, newest=True) == [9, 10]
    assert closes(archive, limit=2, newest=True, end=5 * DAY) == [4, 5]
    assert closes(archive, limit=2, start=5 * DAY) == [6, 7]
    assert closes(archive, limit=0) == []
    assert closes(archive, limit=100, newest=True) == [*range(1, 11)]
    assert closes(archive, start=10 * DAY) == closes(archive, end=0) == []


def test_a_bar_replaces_its_older_self(archive: DuckArchive) -> None:
    archive.write(Writing(bars=[bars(count=2, close=2)]))
    archive.write(Writing(bars=[bars(count=1, close=3), bars(count=1, close=4)]))
    assert closes(archive) == [4, 2]
    archive.compact()
    archive.write(Writing(bars=[bars(count=1, close=5)]))
    assert closes(archive) == [5, 2]
    assert [info.rows for info in archive.series()] == [2]


def test_the_higher_revision_wins_whatever_came_last(archive: DuckArchive) -> None:
    archive.write(Writing(bars=[bars(count=1, close=7, revision=2)]))
    archive.write(Writing(bars=[bars(count=1, close=3, revision=1)]))
    assert closes(archive) == [7]
    archive.compact()
    assert closes(archive) == [7]
    archive.write(Writing(bars=[bars(count=1, close=4, revision=0)]))
    assert closes(archive, limit=1, newest=True) == [7]
    archive.compact()
    archive.write(Writing(bars=[bars(count=1, close=9, revision=2)]))
    assert closes(archive) == [9]


def test_random_writes_are_read_as_a_dictionary_would(archive: DuckArchive) -> None:
    chance = random.Random(4)
    model: dict[tuple[str, int], tuple[int, float]] = {}
    for step in range(60):
        symbol = chance.choice("ABC")
        begin, count, revision = chance.randrange(40), chance.randrange(1, 20), chance.randrange(3)
        archive.write(
            Writing(bars=[bars(symbol, begin * DAY, count, close=step + 1.0, revision=revision)])
        )
        for day in range(begin, begin + count):
            before = model.get((symbol, day), (0, 0.0))
            if revision >= before[0]:
                model[symbol, day] = (revision, step + 1.0)
        if chance.random() < 0.3:
            archive.maintain()
        begin, limit = chance.randrange(50), chance.choice([None, 3, 30])
        newest = chance.random() < 0.5
        expected = [model[s, d][1] for s, d in sorted(model) if s == symbol and d >= begin]
        if limit is not None:
            expected = expected[-limit:] if newest else expected[:limit]
        found = closes(archive, symbol, start=begin * DAY, limit=limit, newest=newest)
        assert found == expected
    counts = {info.symbol: info.rows for info in archive.series()}
    assert counts == {s: sum(1 for key in model if key[0] == s) for s in counts}


def ticks(at: list[int], symbols: tuple[str, ...] = ("AAPL", "MSFT")) -> Ticks:
    count = len(at)
    return Ticks(
        source="file",
        symbols=symbols,
        symbol=np.zeros(count, np.int32),
        at=np.array(at, np.int64),
        price=np.arange(1, count + 1, dtype=np.float64),
        size=np.ones(count),
        received=np.array(at, np.int64) + 5,
    )


def test_ticks_are_kept_in_the_order_of_their_time(archive: DuckArchive) -> None:
    archive.write(Writing(ticks=[ticks([30, 10, 10])]))
    for _ in range(2):
        table = archive.ticks("file", "AAPL", 0, 100)
        assert table.column_names == ["at", "price", "size", "received"]
        assert table.column("at").to_pylist() == [10, 10, 30]
        assert table.column("price").to_pylist() == [2, 3, 1]
        assert archive.ticks("file", "AAPL", 11, 30).num_rows == 0
        archive.compact()
    assert [(info.symbol, info.interval, info.rows) for info in archive.series()] == [
        ("AAPL", "", 3)
    ]


def test_actions_gaps_rejected_rows_and_notes(archive: DuckArchive) -> None:
    split = CorporateEvent(source="file", symbol="AAPL", ex_day=5, ratio=2.0)
    cash = CorporateEvent(source="file", symbol="AAPL", ex_day=5, amount=0.1)
    gap = Gap(source="file", symbol="AAPL", interval="1m", start=1, end=9, cause="source_silent")
    bad = Rejected(
        source="file", symbol="AAPL", interval="1d", at=None, received=3, reason="no_price",
        detail="No price.", row="x" * 3000,
    )  # fmt: skip
    archive.write(
        Writing(actions=[split, cash], gaps=[gap], rejected=[bad, bad], notes={"quota": "7"})
    )
    better = replace(split, ratio=4.0)
    filled = replace(gap, end=8, filled_at=100, attempts=2)
    last = replace(bad, at=8, reason="late", row="{}")
    archive.write(Writing(actions=[better], gaps=[filled], rejected=[last], notes={"quota": "8"}))
    assert list(archive.actions("file", "AAPL")) == [better, cash]
    assert list(archive.gaps()) == list(archive.gaps("AAPL")) == [filled]
    assert not archive.gaps("MSFT")
    found = archive.rejected("AAPL", "file")
    assert [row.reason for row in found] == ["late", "no_price", "no_price"]
    assert found[0] == last
    assert len(found[1].row) == 2000
    assert len(archive.rejected(limit=1)) == 1
    assert not archive.rejected(source="other")
    assert archive.rejected_counts() == {("file", "AAPL"): 3}
    assert archive.note("quota") == "8"


def test_a_writing_that_fails_leaves_nothing(archive: DuckArchive) -> None:
    archive.write(Writing(bars=[bars(count=1, close=2)], notes={"k": "1"}))
    broken = replace(bars("NEW", count=2), volume=np.ones(3))
    with pytest.raises(Exception, match="length"):
        archive.write(Writing(bars=[bars(count=1, close=3), broken], notes={"k": "2"}))
    assert closes(archive) == [2]
    assert archive.note("k") == "1"
    assert [info.symbol for info in archive.series()] == ["AAPL"]
    archive.write(Writing(bars=[bars("NEWER", count=2)]))
    assert closes(archive, "NEWER") == [10, 10]


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    with DuckArchive(path, compact_rows=5) as archive:
        archive.write(Writing(bars=[bars(close=2)]))
        archive.maintain()
        archive.write(Writing(bars=[bars(count=1, close=3)], ticks=[ticks([1])]))
    with DuckArchive(path) as archive:
        assert closes(archive) == [3] + [2] * 9
        archive.write(Writing(bars=[bars(count=1, close=4)]))
        assert closes(archive, limit=1) == [4]
        figures = archive.figures().as_body()
        assert figures["bars"] == 12
        assert figures["ticks"] == 1
        assert figures["unsorted_rows"] == 3
        assert figures["file_bytes"] > 0


def test_a_second_process_is_refused_and_told_who_has_it(archive: DuckArchive) -> None:
    path = archive.store.database.path
    program = (
        "import sys; from pathlib import Path\n"
        "from trading_dashboard.agents.market_data.store.archive import DuckArchive\n"
        "from trading_dashboard.agents.market_data.errors import StoreInUse\n"
        "try:\n    DuckArchive(Path(sys.argv[1]))\n"
        "except StoreInUse as error:\n    print(error.observed)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert "PID" in done.stdout


def test_a_closed_archive_says_so(tmp_path: Path) -> None:
    archive = DuckArchive(tmp_path / "archive.duckdb")
    archive.close()
    archive.close()
    with pytest.raises(StoreUnusable, match="is closed"):
        archive.write(Writing(notes={"a": "b"}))
    with pytest.raises(StoreUnusable, match="is closed"):
        archive.bars("file", "AAPL", "1d")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable, match="cannot be used"):
        DuckArchive(tmp_path / "file" / "archive.duckdb")
    assert not issubclass(StoreInUse, StoreUnusable)


def test_it_is_opened_again_after_duckdb_gave_up(archive: DuckArchive) -> None:
    archive.write(Writing(bars=[bars(close=2)]))
    archive.store.database._is_broken = True
    assert closes(archive) == [2] * 10
    assert archive.store.database.generation == 2
    archive.write(Writing(bars=[bars(close=3)]))
    assert closes(archive) == [3] * 10


def test_readers_and_a_writer_never_disturb_each_other(archive: DuckArchive) -> None:
    """Readers see whole writings, while parts are sorted and exchanged under them."""
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                found = closes(archive)
                assert len(set(found)) <= 1, found
                assert len(found) in {0, 30}
        except BaseException as error:  # noqa: BLE001 - told by the test below
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for step in range(15):
        archive.write(Writing(bars=[bars(count=30, close=step + 1.0), bars("B", step * DAY, 9)]))
        archive.maintain()
    done.set()
    for reader in readers:
        reader.join()
    assert not [(str(error), error.__cause__) for error in failures]


def test_no_pandas_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.market_data.store.conftest import bars\n"
        "from trading_dashboard.agents.market_data.store.archive import DuckArchive\n"
        "from trading_dashboard.agents.market_data.store.contract import Writing\n"
        "with DuckArchive(Path(sys.argv[1])) as archive:\n"
        "    archive.write(Writing(bars=[bars()]))\n    archive.compact()\n"
        "    assert archive.bars('file', 'AAPL', '1d').num_rows == 10\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.duckdb")], check=True)


@pytest.mark.parametrize("newest", [False, True])
def test_limits_within_bounds_on_either_side(archive: DuckArchive, newest: bool) -> None:
    days = [day for day in range(40) if day % 3]
    rows = [(day * DAY, 1.0, 100.0, 1.0, float(day), 1.0) for day in days]
    archive.write(Writing(bars=[Bars.of("file", "AAPL", "1d", rows), bars("B"), bars("A")]))
    archive.compact()
    for start in (None, -5, 0, 7, 39, 60):
        for end in (None, 0, 8, 39, 40, 60):
            within = [
                day for day in days
                if (start is None or day >= start) and (end is None or day < end)
            ]  # fmt: skip
            for limit in (1, 4, 100):
                begin = None if start is None else start * DAY
                until = None if end is None else end * DAY
                found = closes(archive, start=begin, end=until, limit=limit, newest=newest)
                assert found == (within[-limit:] if newest else within[:limit]), (start, end, limit)


def event(day: int, **what: float) -> CorporateEvent:
    return CorporateEvent(source="file", symbol="AAPL", ex_day=day, **what)


def test_actions_are_read_once_and_again_after_they_changed(
    archive: DuckArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = event(10, ratio=2.0)
    archive.write(Writing(actions=[split]))
    assert archive.actions("file", "AAPL") == [split]
    with monkeypatch.context() as patched:
        patched.setattr(archive.store.database, "cursor", lambda: pytest.fail("it was read"))
        assert archive.actions("file", "AAPL") == [split]
    dividend = event(20, amount=0.5)
    archive.write(Writing(actions=[dividend]))
    assert archive.actions("file", "AAPL") == [split, dividend]


def test_symbols_without_actions_are_not_asked_about(
    archive: DuckArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.write(Writing(actions=[event(10, ratio=2.0)]))
    assert archive.actions("file", "MSFT") == ()
    with monkeypatch.context() as patched:
        patched.setattr(archive.store.database, "cursor", lambda: pytest.fail("it was read"))
        assert archive.actions("file", "IBM") == ()
        assert archive.actions("other", "AAPL") == ()
    written = CorporateEvent(source="file", symbol="IBM", ex_day=11, amount=0.5)
    archive.write(Writing(actions=[written]))
    assert archive.actions("file", "IBM") == [written]


def test_actions_written_while_they_are_read_are_not_missed() -> None:
    known, written, key = KnownActions(), [event(10, ratio=2.0)], ("file", "AAPL")

    def read_before_they_were_written() -> list[CorporateEvent]:
        known.forget(written)
        return []

    assert known.get(key, read_before_they_were_written, lambda: {key}) == []
    assert known.get(key, lambda: written, lambda: {key}) == written


def test_symbols_with_actions_written_while_they_are_listed_are_not_missed() -> None:
    known, written, key = KnownActions(), [event(10, ratio=2.0)], ("file", "AAPL")

    def list_before_they_were_written() -> set[tuple[str, str]]:
        known.forget(written)
        return set()

    assert known.get(key, lambda: written, list_before_they_were_written) == ()
    assert known.get(key, lambda: written, lambda: {key}) == written


def test_rows_of_another_series_are_never_answered(archive: DuckArchive) -> None:
    archive.write(Writing(bars=[bars("A", count=50), bars("B", count=50, close=7)]))
    archive.compact()
    (part,) = [part for part in archive.store.parts.every if part.index is not None]
    assert part.index is not None
    assert closes(archive, "B", limit=5, newest=True) == [7] * 5
    part.index.position[:] = part.index.position[::-1].copy()
    with pytest.raises(StoreDamaged, match="another series"):
        closes(archive, "B", limit=5, newest=True)


def test_notes_are_replaced_together_and_listed_by_how_they_begin(archive: DuckArchive) -> None:
    archive.write(Writing(notes={"covered a": "1", "covered b": "2", "quota": "3"}))
    archive.write(Writing(notes={"covered b": "4", "covered c": "5"}))
    assert archive.noted("covered ", limit=9) == {
        "covered a": "1", "covered b": "4", "covered c": "5"
    }  # fmt: skip
    assert len(archive.noted("covered ", limit=2)) == 2
    assert archive.note("quota") == "3"
    assert archive.noted("cove%", limit=9) == {}
