"""Files of bars in and out: formats, refused rows, interruptions."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from pyarrow import feather
from typer.testing import CliRunner

from tests.unit.market_data.store.conftest import DAY, bars
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.bulk import files
from trading_dashboard.agents.market_data.store.bulk.errors import ExportFailed, FileUnreadable
from trading_dashboard.agents.market_data.store.bulk.exporting import Selection, export_bars
from trading_dashboard.agents.market_data.store.bulk.importing import (
    ImportReport,
    import_bars,
    pending_imports,
)
from trading_dashboard.agents.market_data.store.bulk.validation import ImportOptions
from trading_dashboard.agents.market_data.store.contract import Writing
from trading_dashboard.cli.data.backfilling import BackfillRequest, fetch
from trading_dashboard.cli.main import app
from trading_dashboard.clients.market_data import MarketDataClient
from trading_dashboard.models.errors import UnknownSymbol
from trading_dashboard.models.market import HistoricalResponse

OPTIONS = ImportOptions(source="file")


def rows(count: int = 10, symbols: str = "AB") -> dict[str, list[Any]]:
    every = [(symbol, day) for symbol in symbols for day in range(count)]
    return {
        "Date": [pa.scalar(day * DAY, pa.timestamp("us")).as_py() for _, day in every],
        "Symbol": [symbol for symbol, _ in every],
        "Open": [1.5] * len(every),
        "High": [3.0] * len(every),
        "Low": [1.0] * len(every),
        "Close": [float(day % 2 + 1) for _, day in every],
        "Volume": [100] * len(every),
    }


def written(folder: Path, kind: str, content: dict[str, list[Any]]) -> Path:
    path, table = folder / f"bars.{kind}", pa.table(content)
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=7)
    elif kind == "csv":
        pacsv.write_csv(table, path)
    else:
        feather.write_feather(table, str(path), chunksize=7)
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow"])
def test_each_format_is_imported_and_exported(
    kind: str, archive: DuckArchive, tmp_path: Path
) -> None:
    told: list[tuple[int, str]] = []
    path = written(tmp_path, kind, rows())
    (report,) = import_bars(
        archive, [path], OPTIONS, lambda so_far, _, phase: told.append((so_far.rows, phase))
    )
    assert (report.rows, report.imported, report.duplicates, report.rejected) == (20, 20, 0, {})
    assert told[-1] == (20, "sorting")
    assert archive.bars("file", "B", "1d").column("start").to_pylist() == [
        day * DAY for day in range(10)
    ]
    out = tmp_path / f"out.{kind}"
    assert export_bars(archive, out, Selection(symbols=frozenset("B")), kind) == 10
    with DuckArchive(tmp_path / "other.duckdb") as other:
        import_bars(other, [out], OPTIONS)
        assert other.bars("file", "B", "1d") == archive.bars("file", "B", "1d")
        assert [info.symbol for info in other.series()] == ["B"]
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_every_bad_row_is_kept_apart_and_no_good_one(
    kind: str, archive: DuckArchive, tmp_path: Path
) -> None:
    content = rows(12, "A")
    bad: list[tuple[str, Any, str]] = [
        ("Close", float("nan"), "not_finite"),
        ("Open", float("inf"), "not_finite"),
        ("Low", 0.0, "not_positive"),
        ("Close", -2.0, "not_positive"),
        ("High", 0.5, "high_below_low"),
        ("Open", 9.0, "outside_high_low"),
        ("Volume", -1, "negative_volume"),
        ("Symbol", None, "no_symbol"),
        ("Date", None, "no_time"),
    ]
    for row, (column, value, _) in enumerate(bad):
        content[column][row] = value
    (report,) = import_bars(archive, [written(tmp_path, kind, content)], OPTIONS)
    expected: dict[str, int] = {}
    for _, _, reason in bad:
        expected[reason] = expected.get(reason, 0) + 1
    assert report.rejected == expected
    assert report.imported == 3
    assert archive.bars("file", "A", "1d").num_rows == 3
    kept = archive.rejected()
    assert sorted(row.reason for row in kept) == sorted(reason for _, _, reason in bad)
    assert sum(archive.rejected_counts().values()) == len(bad)
    assert all(json.loads(row.row)["Volume"] is not None for row in kept)


def test_lines_that_are_no_rows_are_kept_apart(archive: DuckArchive, tmp_path: Path) -> None:
    path = tmp_path / "AAPL.csv"
    path.write_text(
        "\ufefftime,open,high,low,close,volume\n"
        "2024-01-02,1,2,1,2,5\n2024-01-03,1,2\n2024-01-04,x,2,1,2,5\n"
        "2024-01-05T00:00:00Z,1,2,1,2,5\n2024-01-06T01:00:00+01:00,1,2,1,2,5\nnever,1,2,1,2,5\n",
        "utf-8",
    )
    options = ImportOptions(source="file", symbol="AAPL")
    (report,) = import_bars(archive, [path], options)
    assert report.rejected == {"wrong_columns": 1, "unreadable": 1, "no_time": 1}
    assert report.imported == 3
    starts = archive.bars("file", "AAPL", "1d").column("start").to_pylist()
    assert [start % DAY for start in starts] == [0, 0, 0]
    assert archive.rejected_counts() == {("file", "AAPL"): 3}


def test_a_row_said_again_replaces_and_is_counted(archive: DuckArchive, tmp_path: Path) -> None:
    content = rows(3, "A")
    doubled = {name: values + values for name, values in content.items()}
    doubled["Close"][3:] = [2.5, 2.5, 2.5]
    (report,) = import_bars(archive, [written(tmp_path, "parquet", doubled)], OPTIONS)
    assert (report.imported, report.duplicates) == (6, 3)
    assert archive.bars("file", "A", "1d").column("close").to_pylist() == [2.5] * 3


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow"])
def test_an_interrupted_import_goes_on_where_it_ended(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_ROWS", 20)
    monkeypatch.setattr(files, "CSV_BLOCK_BYTES", 600)
    path, store = written(tmp_path, kind, rows(50)), tmp_path / "archive.duckdb"

    def interrupt(report: ImportReport, _: int | None, phase: str) -> None:
        if report.rows >= 40:
            raise KeyboardInterrupt

    with DuckArchive(store) as archive, pytest.raises(KeyboardInterrupt):
        import_bars(archive, [path], OPTIONS, interrupt)
    with DuckArchive(store) as archive:
        assert not archive.series()
        assert pending_imports(archive) == [str(path)]
        archive.write(Writing(bars=[bars("Z")]))
        (report,) = import_bars(archive, [path], OPTIONS)
        assert report.resumed_at > 0
        assert (report.rows, report.imported, report.duplicates) == (100, 100, 0)
        assert {info.symbol: info.rows for info in archive.series()} == {"A": 50, "B": 50, "Z": 10}
        assert pending_imports(archive) == []


def test_whole_numbers_are_times_in_the_unit_given(archive: DuckArchive, tmp_path: Path) -> None:
    content = rows(3, "A")
    content["Date"] = [1_700_000_000 + day for day in range(3)]
    path = written(tmp_path, "parquet", content)
    import_bars(archive, [path], ImportOptions(source="file", interval="1s", time_unit="s"))
    starts = archive.bars("file", "A", "1s").column("start").to_pylist()
    assert starts[0] == 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "not a file that can be imported"),
        ("a.parquet", b"PAR1 and no more", "cannot be read"),
        ("a.arrow", b"no", "cannot be read"),
        ("a.csv", b"time,open\n", "no column high, low, close, volume, symbol"),
        ("a.csv", b"", "no column"),
    ],
)
def test_files_that_make_no_sense_are_told(
    name: str, content: bytes, said: str, archive: DuckArchive, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match=said):
        import_bars(archive, [path], OPTIONS)
    with pytest.raises(FileUnreadable, match="cannot be read"):
        import_bars(archive, [tmp_path / "missing.csv"], OPTIONS)


def test_an_export_that_fails_leaves_what_was_there(archive: DuckArchive, tmp_path: Path) -> None:
    archive.write(Writing(bars=[bars()]))
    with pytest.raises(ExportFailed):
        export_bars(archive, tmp_path / "no" / "out.csv", Selection(), "csv")
    target = tmp_path / "folder.csv"
    target.mkdir()
    with pytest.raises(ExportFailed):
        export_bars(archive, target, Selection(), "csv")
    assert not list(tmp_path.glob("*.partial"))


def run(*arguments: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["data", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_the_commands(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", rows())
    data = ["--data-directory", str(tmp_path / "data"), "--project-root", str(tmp_path)]
    code, body = run("check", *data)
    assert code == 1
    assert "no archive" in body["error"]["message"]
    code, body = run("import", str(path), *data)
    assert (code, body["files"][0]["imported"]) == (0, 20)
    code, body = run("check", *data)
    assert (code, body["findings"], body["rows"]) == (0, [], 20)
    out = str(tmp_path / "out.parquet")
    code, body = run("export", out, "--symbol", "A", "--from", "1970-01-03", *data)
    assert (code, body["rows"]) == (0, 8)
    code, body = run("export", out, "--symbol", "NONE", *data)
    assert (code, body["ok"]) == (1, False)
    result = CliRunner().invoke(app, ["data", "import", str(tmp_path / "data"), *data])
    assert result.exit_code == 1
    assert "nothing to import" in result.stderr
    result = CliRunner().invoke(app, ["data", "import", str(path), *data])
    assert result.stdout == f"{path}: 20 of 20 rows imported\n"
    for wrong in (["export", "x.pdf"], ["import", "x", "--time-unit", "h"]):
        assert CliRunner().invoke(app, ["data", *wrong, *data]).exit_code == 2


def test_an_archive_in_use_is_told(tmp_path: Path) -> None:
    """By another process: within one, DuckDB shares the file."""
    data = tmp_path / "data"
    path = written(tmp_path, "csv", rows())
    holder = (
        "import sys; from pathlib import Path\n"
        "from trading_dashboard.agents.market_data.store.archive import DuckArchive\n"
        "archive = DuckArchive(Path(sys.argv[1]))\nprint('ready', flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", holder, str(data / "archive.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        for verb in (["import", str(path)], ["check"], ["export", str(tmp_path / "x.csv")]):
            code, body = run(*verb, "--data-directory", str(data))
            assert (code, body["error"]["code"]) == (1, "store_in_use")
            assert str(process.pid) in body["error"]["observed"]
            assert "stop market_data" in body["error"]["next_step"]


class FakeAgent:
    """Answers history in two pages, or as a replay."""

    def __init__(self, *, replay: bool) -> None:
        self.replay = replay
        self.asked: list[str | None] = []

    async def historical(self, symbol: str, *, page: str, **_: Any) -> HistoricalResponse:
        self.asked.append(page)
        if symbol == "NONE":
            raise UnknownSymbol("NONE is not known.")
        return HistoricalResponse(
            source="demo" if self.replay else "yahoo",
            replay=self.replay,
            symbol=symbol,
            start_date=None,
            end_date=None,
            interval="1d",
            data_points=3,
            data=[],
            next_page="second" if page == "first" else None,
            as_of=datetime.now(UTC),
        )


async def test_a_backfill_asks_for_every_page_and_refuses_a_replay() -> None:
    request = BackfillRequest(("AAPL",), "1d", "2024-01-01", None)
    days = (date(2024, 1, 1), date(2024, 2, 1))
    live, replayed = FakeAgent(replay=False), FakeAgent(replay=True)
    fetched = await fetch(cast("MarketDataClient", live), "AAPL", request, *days)
    assert fetched == {"bars": 6, "source": "yahoo"}
    assert live.asked == ["first", "second"]
    unknown = await fetch(cast("MarketDataClient", live), "NONE", request, *days)
    assert unknown["error"]["code"] == "unknown_symbol"
    refused = await fetch(cast("MarketDataClient", replayed), "AAPL", request, *days)
    assert "nothing to fetch" in refused["text"]
