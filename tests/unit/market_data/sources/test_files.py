"""Files of the user's own: recognised, read whole or refused by name and line, and watched."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.providers.rows import BAD, GOOD
from tests.unit.market_data.sources.user_folder import ALWAYS, HEAD, Folder, at, written
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    NotOffered,
    SourceGarbled,
    SourceMisconfigured,
    SourceSettings,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.files import folder as folder_module
from trading_dashboard.agents.market_data.sources.registry import load_source


async def test_a_usual_export(folder: Folder) -> None:
    folder.put("AAPL.csv", HEAD + written(GOOD))
    source = folder.source()
    await source.open()
    past = await source.history("AAPL", "1d", at("2024-01-03"), at("2024-01-09"))
    assert past.bars.source == "file"
    assert past.bars.start.tolist() == [at(row.date) for row in GOOD[1:5]]
    assert past.bars.close.tolist() == [float(row.close) for row in GOOD[1:5]]
    assert past.bars.closed.all()
    (quote,) = await source.quotes(["AAPL", "NOSUCH"])
    assert (quote.price, quote.at, quote.currency) == (105.25, at("2024-01-09"), "USD")
    instrument = await source.instrument("AAPL")
    assert (instrument.calendar, instrument.time_zone) == ("XNYS", "America/New_York")
    assert [found.symbol for found in await source.find("aa", 10)] == ["AAPL"]
    with pytest.raises(NotOffered, match="There are 1d"):
        await source.history("AAPL", "1m", *ALWAYS)
    with pytest.raises(UnknownToSource):
        await source.instrument("NOSUCH")


async def test_bad_rows_are_handed_on_and_told_by_line(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*GOOD, *BAD.values(), GOOD[2], GOOD[1]]
    folder.put("AAPL_1d.csv", HEAD + written(rows))
    bars = await folder.bars()
    told = list(zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True))
    expected = [row.numbers for row in rows]
    expected[len(GOOD) + list(BAD).index("underscored")] = (np.nan, 105, 103, 104, 1000)
    np.testing.assert_array_equal(np.array(told), np.array(expected))
    times = [at(row.date) if row.date[5:7] != "13" else -1 for row in rows]
    assert bars.start.tolist() == times
    assert "AAPL_1d.csv, line 8: cannot be read: open, high, low, close, volume" in caplog.text


async def test_rows_of_another_width_stay_rows(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    body = written(GOOD[:2]) + "2024-01-04,1,2\n" + "2024-01-05,1,2,0,1,1,5,9,9\n" + "\n"
    folder.put("AAPL_1d.csv", HEAD + body + written(GOOD[4:]))
    bars = await folder.bars()
    assert len(bars) == 6
    assert bars.start.tolist()[2:4] == [at("2024-01-04"), -1]
    assert np.isnan(bars.close[2:4]).all()
    assert bars.close.tolist()[4:] == [float(row.close) for row in GOOD[4:]]
    assert "AAPL_1d.csv, line 4: cannot be read: low, close, volume" in caplog.text
    assert (
        "AAPL_1d.csv, line 5: cannot be read: time, open, high, low, close, volume" in caplog.text
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("AAPL.csv", "a,b,c\n1,2,3\n", r"AAPL.csv, line 1: no column holds the time.*a, b, c"),
        ("AAPL.csv", "\n\ndate,open,high,low\n", r"line 3: no column holds close"),
        ("AAPL.csv", "", r"line 1: no column holds the time.*nothing"),
        ("AAPL.csv", b"date,open,high,low,close\n2024-01-02,\xff,1,1,1\n", "line 2: not UTF-8"),
        ("AAPL.csv", "date,open,high,low,close\n2024-01-02,\0,1,1,1\n", "line 2: holds zero"),
        ("AAPL_1d.csv", 'date,open,high,low,close\n\n2024-01-02,"1,1,1,1\n', "AAPL_1d.csv, line 3"),
        ("AAPL.csv", "date,open,high,low,close\n2024-01-02,1,1,1,1\n", "interval .* too few rows"),
        ("AAPL.csv", HEAD + written([GOOD[0], GOOD[0]]), "interval"),
        ("AAPL.parquet", b"PAR1 not really PAR1", "AAPL.parquet is no whole Parquet"),
        ("AAPL.parquet", b"", "no whole Parquet"),
    ],
)
async def test_a_useless_file_is_told_by_name_and_line(
    folder: Folder, name: str, content: str | bytes, words: str
) -> None:
    folder.put(name, content)
    folder.put("MSFT_1d.csv", HEAD + written(GOOD))
    with pytest.raises(SourceGarbled, match=words):
        await folder.bars()
    assert len(await folder.bars("MSFT")) == 6  # the others go on
    with pytest.raises(UnknownToSource, match="1 files cannot be used"):
        await folder.bars("IBM")


async def test_a_truncated_parquet_file_and_the_whole_one(folder: Folder) -> None:
    table = pa.table({"date": [date(2024, 1, 2), None], "open": [1.0, 2.0], "high": [1.0, None],
                      "low": [1, 2], "close": ["1.5", "x"]})  # fmt: skip
    path = folder.path / "AAPL_1d.parquet"
    pq.write_table(table, path)
    bars = await folder.bars()
    assert bars.start.tolist() == [at("2024-01-02"), -1]
    np.testing.assert_array_equal(bars.high, [1.0, np.nan])
    np.testing.assert_array_equal(bars.close, [1.5, np.nan])
    assert bars.volume.tolist() == [0.0, 0.0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceGarbled, match="no whole Parquet"):
        await folder.bars()


async def test_a_file_too_large_is_not_read(folder: Folder) -> None:
    folder.put("AAPL_1d.csv", HEAD + written(GOOD) * 100)
    with pytest.raises(SourceGarbled, match=r"AAPL_1d.csv has .* MiB, .* are allowed"):
        await folder.bars(max_file_megabytes=0.01)
    assert len(await folder.bars()) == 600


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2024-07-02 09:30", "America/New_York", "2024-07-02T13:30"),
        ("2024-01-02T09:30:00", "America/New_York", "2024-01-02T14:30"),
        ("2024-01-02 09:30:00", "UTC", "2024-01-02T09:30"),
        ("2024-01-02T09:30:00-05:00", "Asia/Tokyo", "2024-01-02T14:30"),
        ("2024-01-02T14:30:00Z", "Asia/Tokyo", "2024-01-02T14:30"),
        ("1704205800", "Asia/Tokyo", "2024-01-02T14:30"),
        ("1704205800.5", "Asia/Tokyo", "2024-01-02T14:30:00.500000"),
        ("1704205800000", "Asia/Tokyo", "2024-01-02T14:30"),
        ("1704205800000000", "Asia/Tokyo", "2024-01-02T14:30"),
        ("1704205800000000000", "Asia/Tokyo", "2024-01-02T14:30"),
        ("2024-03-10 02:30", "America/New_York", None),
        ("2024-11-03 01:30", "America/New_York", "2024-11-03T05:30"),
        ("yesterday", "UTC", None),
    ],
)
async def test_times(folder: Folder, text: str, zone: str, expected: str | None) -> None:
    folder.put("AAPL_1m.csv", f"time,o,h,l,c\n{text},1,1,1,1\n")
    bars = await folder.bars(interval="1m", time_zone=zone)
    stamp = -1
    if expected:
        moment = datetime.fromisoformat(expected).replace(tzinfo=UTC)
        stamp = round(moment.timestamp() * 1_000_000)
    assert bars.start.tolist() == [stamp]


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2024-01-02", "America/New_York"),
        ("2024-01-02 00:00:00-05:00", "America/New_York"),
        ("2024-01-02 16:00:00", "Asia/Tokyo"),
        ("20240102", "America/New_York"),
        ("1704171600", "America/New_York"),
    ],
)
async def test_days_open_at_midnight_utc_of_their_date(
    folder: Folder, text: str, zone: str
) -> None:
    folder.put("AAPL_1d.csv", f"date;open;high;low;close\n{text};1;1;1;1\n")
    assert (await folder.bars(time_zone=zone)).start.tolist() == [at("2024-01-02")]


async def test_mixed_times_are_read_one_by_one(folder: Folder) -> None:
    folder.put(
        "AAPL_1m.csv",
        "time,o,h,l,c\n2024-01-02T09:30:00Z,1,1,1,1\n2024-01-02 09:31,1,1,1,1\n,1,1,1,1\n"
        "2024-01-02T04:32:00-05:00,1,1,1,1\n1704187980000,1,1,1,1\n",
    )
    # What says no zone says too little where others say one.
    first = at("2024-01-02T09:30")
    assert (await folder.bars(interval="1m")).start.tolist() == [
        first, -1, -1, first + 120_000_000, -1,
    ]  # fmt: skip


async def test_forms_of_the_users_own(folder: Folder) -> None:
    folder.put(
        "EURUSD_1h.tsv",
        "<TICKER>\t<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>\n"
        "EUR/USD\t20240102\t100000\t1,10\t1,12\t1,09\t1,11\t5\n",
    )
    bars = await folder.bars("EUR/USD", "1h", decimal=",", asset_class="fx")
    assert bars.start.tolist() == [at("2024-01-02T10:00")]
    assert (bars.open[0], bars.volume[0]) == (1.10, 5.0)
    folder.put("SAP.csv", "Day,Open,High,Low,Close\n02/01/2024,1,1,1,1\n03/01/2024,1,1,1,1\n")
    bars = await folder.bars("SAP", time_format="%d/%m/%Y")
    assert bars.start.tolist() == [at("2024-01-02"), at("2024-01-03")]


@pytest.mark.parametrize(
    ("name", "symbol", "interval"),
    [
        ("AAPL_1d.csv", "AAPL", "1d"),
        ("AAPL.1M.csv", "AAPL", "1M"),
        ("BRK-B-1m.csv", "BRK-B", "1m"),
        ("BRK-B.csv", "BRK-B", "1d"),
        ("Daily/AAPL.csv", "AAPL", "1d"),
        ("stocks/5m/AAPL.csv", "AAPL", "5m"),
        ("1d.csv", "1d", "1d"),
    ],
)
async def test_names_say_symbol_and_interval(
    folder: Folder, name: str, symbol: str, interval: str
) -> None:
    folder.put(name, HEAD + written(GOOD))
    assert len(await folder.bars(symbol, interval)) == 6


@pytest.mark.parametrize(
    ("step", "interval"), [(1, "1s"), (60, "1m"), (3600, "1h"), (86400, "1d"), (604800, "1w")]
)
async def test_the_interval_is_told_by_distance(folder: Folder, step: int, interval: str) -> None:
    pairs = "".join(f"{1704067200 + n // 2 * step},S{n % 2},1,1,1,1\n" for n in range(40))
    folder.put("many.csv", "timestamp,symbol,open,high,low,close\n" + pairs)
    assert len(await folder.bars("S0", interval)) == 20
    assert len(await folder.bars("S1", interval)) == 20


async def test_a_changed_file_is_read_again_and_a_file_gone_is_forgotten(folder: Folder) -> None:
    source = folder.source()
    await source.open()
    first = folder.put("AAPL_1d.csv", HEAD + written(GOOD[:3]))
    assert len((await source.history("AAPL", "1d", *ALWAYS)).bars) == 3
    folder.put("AAPL_1d.csv", HEAD + written(GOOD))
    folder.put("AAPL_1d_more.csv", "")
    folder.put("sub/AAPL_1d.csv", HEAD + written(GOOD[:1]))
    folder.put(".AAPL_1d.csv", HEAD + written(GOOD))
    folder.put("MSFT_1d.csv.part", HEAD + written(GOOD))
    assert len((await source.history("AAPL", "1d", *ALWAYS)).bars) == 7
    first.unlink()
    assert len((await source.history("AAPL", "1d", *ALWAYS)).bars) == 1


async def test_a_last_line_still_being_written_is_left(folder: Folder) -> None:
    half = HEAD + written(GOOD)[:-4]  # the volume's last digits are missing
    folder.put("AAPL_1d.csv", half, is_old=False)
    assert len(await folder.bars()) == 5
    # Control arm: the same file, when it has long been left alone, ends there.
    folder.put("AAPL_1d.csv", half)
    assert len(await folder.bars()) == 6


async def test_a_folder_that_is_not_there(folder: Folder, tmp_path: Path) -> None:
    source = folder.source(folder=str(tmp_path / "nowhere"))
    with pytest.raises(SourceMisconfigured, match="there is no such folder"):
        await source.open()
    with pytest.raises(SourceUnreachable, match="cannot be looked at"):
        await source.history("AAPL", "1d", *ALWAYS)
    settings = SourceSettings(name="file", data_directory=str(tmp_path))
    own = load_source("file", settings)
    await own.open()
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
    with pytest.raises(SourceMisconfigured, match="no folder"):
        load_source("file")
    for option, value in (("calendar", "MARS"), ("time_zone", "Mars"), ("asset_class", "air")):
        with pytest.raises(SourceMisconfigured, match=option):
            folder.source(**{option: value})


async def test_too_many_files_are_said(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MAX_FILES", 2)
    for number in range(3):
        folder.put(f"S{number}_1d.csv", HEAD + written(GOOD))
    with pytest.raises(SourceUnreachable, match="more than 2 files"):
        await folder.bars("S0")


async def test_all_symbols_are_what_is_configured(folder: Folder) -> None:
    folder.put("BTC_1d.csv", HEAD + written(GOOD))
    source = folder.source(asset_class="crypto", currency="EUR", exchange="mine")
    instrument = await source.instrument("BTC")
    assert (instrument.asset_class, instrument.calendar) == (AssetClass.CRYPTO, "24/7")
    assert (instrument.currency, instrument.exchange) == ("EUR", "mine")


async def test_quotes_of_trades(folder: Folder) -> None:
    folder.put("AAPL.csv", "time,price\n1704205801,5\n1704205800,4\n")
    folder.put("EMPTY_1d.csv", HEAD)
    (quote,) = await folder.source().quotes(["AAPL", "EMPTY"])
    assert (quote.price, quote.at) == (5.0, 1704205801_000_000)


def test_reading_files_imports_no_pandas(folder: Folder) -> None:
    rows = "2024-01-02,09:30,AAPL,1,1,1,1\n2024-01-02,09:31,AAPL,1,1\n"
    folder.put("AAPL_1m.csv", "date,time,symbol,open,high,low,close\n" + rows + "x\n")
    folder.put("AAPL_1d.csv", HEAD + written(GOOD))
    times = pa.array([datetime(2024, 1, 2, tzinfo=UTC)], pa.timestamp("ms", tz="UTC"))
    table = pa.table({"ts": times, "o": [1], "h": [1], "l": [1], "c": [1]})
    pq.write_table(table, folder.path / "AAPL_1h.parquet")
    code = f"""
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
from trading_dashboard.agents.market_data.sources.files.library import FileLibrary
from trading_dashboard.agents.market_data.sources.files.table import FileForm

form = FileForm(zone=ZoneInfo("America/New_York"))
library = FileLibrary("file", Path({str(folder.path)!r}), form)
print([len(library.bars("AAPL", interval)) for interval in ("1m", "1d", "1h")])
print("pandas" in sys.modules)
import pyarrow
pyarrow.array([1])
print("pandas" in sys.modules)
"""
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    # The last is the control arm: pyarrow does import it.
    assert output.split("\n")[:3] == ["[2, 6, 1]", "False", "True"]
