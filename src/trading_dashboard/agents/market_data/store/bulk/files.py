"""Files of bars as chunks of rows: Parquet, CSV and Arrow, a bounded part of them at a time.

Owns reading. The same file gives the same chunks each time, which is what going on where an import
ended needs. What the rows mean is `validation`'s.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pyarrow import ipc

from trading_dashboard.agents.market_data.store.bulk.errors import FileUnreadable

CHUNK_ROWS = 500_000
CSV_BLOCK_BYTES = 16 * 2**20
_MAX_BAD_LINES = 1_000


@dataclass(slots=True)
class Chunk:
    """Some rows of a file; `bad_lines` have the wrong number of fields and are in no row."""

    number: int
    rows: pa.Table
    bad_lines: list[str] = field(default_factory=list)
    bad_line_count: int = 0


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file that can be imported. `rows` is None where only reading it tells."""

    path: Path
    format: str
    schema: pa.Schema
    rows: int | None

    def identity(self, salt: str) -> str:
        """Return what tells this file, in this state, and how it is read, from others."""
        about = self.path.stat()
        text = f"{self.path.resolve()}|{about.st_size}|{about.st_mtime_ns}|{salt}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def chunks(self, begin: int = 0) -> Iterator[Chunk]:
        """Yield the chunks from a number on. Raises `FileUnreadable`."""
        readers = {"parquet": _parquet_chunks, "csv": _csv_chunks, "arrow": _arrow_chunks}
        with explained(self.path):
            yield from readers[self.format](self.path, begin)


def open_file(path: Path) -> ImportFile:
    """Look at a file's end and head. Raises `FileUnreadable`."""
    name = path.name.lower()
    with explained(path):
        if name.endswith((".parquet", ".pq")):
            with pq.ParquetFile(path) as file:
                return ImportFile(path, "parquet", file.schema_arrow, file.metadata.num_rows)
        if name.endswith((".csv", ".csv.gz")):
            names = _csv_names(path)
            return ImportFile(path, "csv", pa.schema([(name, pa.string()) for name in names]), None)
        if name.endswith((".arrow", ".feather", ".ipc")):
            with pa.memory_map(str(path)) as source, ipc.open_file(source) as file:
                return ImportFile(path, "arrow", file.schema, None)
    raise FileUnreadable(
        f"{path} is not a file that can be imported.",
        subject=str(path),
        observed=path.suffix or "no extension",
        next_step="Give a .parquet, .csv, .csv.gz, .arrow or .feather file.",
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise what Arrow and the file system say of a file as ours."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileUnreadable(
            f"{path} cannot be read.",
            subject=str(path),
            observed=str(error).splitlines()[0],
            next_step="Check that the file is there and whole.",
        ) from error


def _parquet_chunks(path: Path, begin: int) -> Iterator[Chunk]:
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        for number, groups in enumerate(_grouped(sizes)):
            if number >= begin:
                yield Chunk(number, file.read_row_groups(groups))


def _arrow_chunks(path: Path, begin: int) -> Iterator[Chunk]:
    with pa.memory_map(str(path)) as source, ipc.open_file(source) as file:
        sizes = [file.get_batch(i).num_rows for i in range(file.num_record_batches)]
        for number, groups in enumerate(_grouped(sizes)):
            if number >= begin:
                yield Chunk(number, pa.Table.from_batches([file.get_batch(i) for i in groups]))


def _csv_chunks(path: Path, begin: int) -> Iterator[Chunk]:
    bad: list[str] = []
    count = [0]

    def skip(row: Any) -> str:
        count[0] += 1
        if len(bad) < _MAX_BAD_LINES:
            bad.append(str(row.text))
        return "skip"

    names = _csv_names(path)
    reader = pacsv.open_csv(
        path,
        # One thread: bad lines are told before the block they are from.
        read_options=pacsv.ReadOptions(block_size=CSV_BLOCK_BYTES, use_threads=False),
        parse_options=pacsv.ParseOptions(invalid_row_handler=skip),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    with reader:
        for number, batch in enumerate(reader):
            if number >= begin:
                yield Chunk(number, pa.Table.from_batches([batch]), list(bad), count[0])
            bad.clear()
            count[0] = 0
        if count[0]:
            empty = pa.schema([(name, pa.string()) for name in names]).empty_table()
            yield Chunk(number + 1, empty, list(bad), count[0])


def _csv_names(path: Path) -> list[str]:
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(65_536)
    line = head.decode("utf-8-sig", errors="replace").split("\n", 1)[0]
    return next(csv.reader([line.rstrip("\r")]), [])


def _grouped(sizes: list[int]) -> list[list[int]]:
    """Return the numbers of row groups that are read together."""
    grouped: list[list[int]] = []
    rows = CHUNK_ROWS
    for number, size in enumerate(sizes):
        if rows >= CHUNK_ROWS:
            grouped.append([])
            rows = 0
        grouped[-1].append(number)
        rows += size
    return grouped
