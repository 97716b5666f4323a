"""Files of bars into the archive, quickly, and from where it ended if it was interrupted.

Owns the order: each chunk is written together with the note of how far the import is, into a part
nobody reads; when the file is through, that part is sorted and becomes readable as a whole. A row
that is refused is kept with its reason, up to a number; all are counted.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.arrow import to_arrow
from trading_dashboard.agents.market_data.store.bulk.files import Chunk, ImportFile, open_file
from trading_dashboard.agents.market_data.store.bulk.validation import (
    GOOD,
    ImportOptions,
    interpreted,
    is_name,
    judged,
    name_columns,
)
from trading_dashboard.agents.market_data.store.contract import Rejected
from trading_dashboard.agents.market_data.store.part_store import Addition, make_part
from trading_dashboard.agents.market_data.store.parts import Part, State
from trading_dashboard.agents.market_data.store.records_kept import (
    count_rejected,
    get_note,
    put_notes,
    put_rejected,
)
from trading_dashboard.agents.market_data.store.schema import BARS

if TYPE_CHECKING:
    import duckdb

KEPT_REJECTED = 10_000
"""Of one import, with their content; more are only counted."""


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What became of one file.

    Attributes:
        rows: Read so far.
        imported: Of them written; `duplicates` of these were said again later in the file.
        rejected: How many were refused, by reason.
        resumed_at: The chunk an earlier run had come to, 0 if this one began.
    """

    path: str
    rows: int = 0
    imported: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    resumed_at: int = 0
    seconds: float = 0.0

    def as_body(self) -> dict[str, Any]:
        """Return it as plain types."""
        return asdict(self)


Progress = Callable[[ImportReport, int | None, str], None]
"""Told the report so far, the file's rows if known, and the phase: ``reading`` or ``sorting``."""


def import_bars(
    archive: DuckArchive,
    paths: Sequence[Path],
    options: ImportOptions,
    on_progress: Progress | None = None,
) -> list[ImportReport]:
    """Import files one after the other; return what became of each.

    Raises:
        FileUnreadable: A file cannot be read, or lacks columns; files before it are imported.
        StoreUnusable: No room, say; importing again goes on where it ended.
    """
    files = [open_file(path) for path in paths]
    selects = [interpreted(file.schema, options, file.path) for file in files]
    return [
        _Import(archive, file, select, options, on_progress).run()
        for file, select in zip(files, selects, strict=True)
    ]


class _Import:
    """One file on its way."""

    def __init__(
        self,
        archive: DuckArchive,
        file: ImportFile,
        select: str,
        options: ImportOptions,
        on_progress: Progress | None,
    ) -> None:
        self._archive = archive
        self._store = archive.store
        self._file = file
        self._select = select
        self._options = options
        self._on_progress = on_progress
        self._key = f"import:{file.identity(repr(options))}"
        self._report = ImportReport(path=str(file.path))

    def run(self) -> ImportReport:
        began = time.monotonic()
        part, next_chunk = self._begin()
        self._report.resumed_at = next_chunk
        for chunk in self._file.chunks(next_chunk):
            self._write(chunk, part)
            self._report.seconds = time.monotonic() - began
            self._tell("reading")
        self._finish(part)
        self._report.seconds = time.monotonic() - began
        return self._report

    def _begin(self) -> tuple[Part, int]:
        """Return the part that is filled and the chunk to go on with."""
        note = self._archive.note(self._key)
        if note:
            before = json.loads(note)
            loading = self._store.parts.in_state(BARS, State.LOADING)
            part = next((part for part in loading if part.id == before["part"]), None)
            if part:
                self._report = ImportReport(**before["report"])
                return part, int(before["next_chunk"])
        with self._store.rearranging() as cursor:
            part = make_part(cursor, BARS, State.LOADING)
            self._note(cursor, part, 0)
        return part, 0

    def _write(self, chunk: Chunk, part: Part) -> None:
        count = chunk.rows.num_rows
        with self._store.writing() as addition:
            cursor = addition.cursor
            ours = {
                "row_number": np.arange(count, dtype=np.int64),
                "series": self._numbered(addition, chunk.rows),
            }
            rows = chunk.rows
            for column in (made := to_arrow(ours)).column_names:
                rows = rows.append_column(column, made.column(column))
            cursor.register("chunk", rows)
            try:
                good = self._insert(addition, part)
                refused = self._refused(cursor) if good < count else Counter()
                if good + sum(refused.values()) != count:
                    raise AssertionError(f"{count} rows, {good} good and {refused} refused")
                if good < count:
                    put_rejected(cursor, self._samples(cursor), addition.seq)
            finally:
                cursor.unregister("chunk")
            addition.seq += count
            self._put_bad_lines(addition, chunk, refused)
            self._count(addition, good, count, chunk, refused)
            self._note(cursor, part, chunk.number + 1)

    def _numbered(self, addition: Addition, rows: pa.Table) -> NDArray[np.int32]:
        """Return int32[n]: each row's series, 0 where it has none.

        Here and not by a join, which would not keep the order of rows: a file that is sorted is
        sorted for the archive as well, new series being numbered by symbol.
        """
        symbol_column, interval_column = name_columns(rows.schema)
        symbols, of_symbol = _coded(rows, symbol_column, self._options.symbol or "")
        intervals, of_interval = _coded(rows, interval_column, self._options.interval)
        codes = of_symbol * len(intervals) + of_interval
        numbers = np.zeros(len(symbols) * len(intervals), np.int32)
        used = np.flatnonzero(np.bincount(codes, minlength=len(numbers)))
        names = {
            int(c): (symbols[c // len(intervals)], intervals[c % len(intervals)]) for c in used
        }
        for code, (symbol, interval) in sorted(names.items(), key=lambda item: item[1]):
            if is_name(symbol, interval):
                numbers[code] = addition.series_id((self._options.source, symbol, interval))
        series: NDArray[np.int32] = numbers[codes]
        return series

    def _insert(self, addition: Addition, part: Part) -> int:
        """Insert the rows that are believed; return how many."""
        names = ", ".join(BARS.columns)
        inserted = addition.cursor.execute(
            f"INSERT INTO {part.table} ({names}) "
            "SELECT series, start, open, high, low, close, volume, closed, revision, "
            f"{addition.seq} + row_number FROM ({self._select}) WHERE {GOOD}"
        ).fetchone()
        return int(inserted[0]) if inserted else 0

    def _refused(self, cursor: duckdb.DuckDBPyConnection) -> Counter[tuple[str, str]]:
        """Return how many rows are refused, by symbol and reason."""
        rows = cursor.execute(
            f"SELECT coalesce(symbol, ''), reason, count(*) FROM ({judged(self._select)}) "
            "WHERE reason IS NOT NULL GROUP BY ALL"
        ).fetchall()
        return Counter({(symbol, reason): count for symbol, reason, count in rows})

    def _samples(self, cursor: duckdb.DuckDBPyConnection) -> list[Rejected]:
        """Return refused rows with their content, as many as are still kept."""
        room = max(KEPT_REJECTED - sum(self._report.rejected.values()), 0)
        rows = cursor.execute(
            "SELECT coalesce(r.symbol, ''), coalesce(r.interval, ''), r.start, r.reason, "
            f"to_json(c)::VARCHAR FROM ({judged(self._select)}) r JOIN chunk c USING (row_number) "
            f"WHERE r.reason IS NOT NULL ORDER BY row_number LIMIT {room}"
        ).fetchall()
        return [self._rejected(*row) for row in rows]

    def _rejected(
        self, symbol: str, interval: str, start: int | None, reason: str, row: str
    ) -> Rejected:
        return Rejected(
            source=self._options.source,
            symbol=symbol[:64],
            interval=interval[:16],
            at=start,
            received=time.time_ns() // 1000,
            reason=reason,
            detail=f"From {self._file.path.name}.",
            row=row,
        )

    def _put_bad_lines(
        self, addition: Addition, chunk: Chunk, refused: Counter[tuple[str, str]]
    ) -> None:
        if not chunk.bad_line_count:
            return
        symbol = self._options.symbol or ""
        lines = [
            self._rejected(symbol, self._options.interval, None, "wrong_columns", json.dumps(line))
            for line in chunk.bad_lines
        ]
        put_rejected(addition.cursor, lines, addition.seq)
        addition.seq += len(lines)
        refused[symbol, "wrong_columns"] += chunk.bad_line_count

    def _count(
        self, addition: Addition, good: int, count: int, chunk: Chunk,
        refused: Counter[tuple[str, str]],
    ) -> None:  # fmt: skip
        kept = Counter(self._report.rejected)
        room = max(KEPT_REJECTED - sum(kept.values()), 0)
        for (_, reason), number in refused.items():
            kept[reason] += number
        self._report.rejected = dict(kept)
        self._report.rows += count + chunk.bad_line_count
        self._report.imported += good
        self._count_more(addition.cursor, refused, room)

    def _count_more(
        self, cursor: duckdb.DuckDBPyConnection, refused: Counter[tuple[str, str]], room: int
    ) -> None:
        """Count what is refused beyond what is kept."""
        beyond = max(sum(refused.values()) - room, 0)
        for (symbol, _), number in refused.items():
            more = min(number, beyond)
            if more:
                count_rejected(cursor, {(self._options.source, symbol[:64]): more})
                beyond -= more

    def _note(self, cursor: duckdb.DuckDBPyConnection, part: Part, next_chunk: int) -> None:
        report = self._report.as_body()
        note = json.dumps({"part": part.id, "next_chunk": next_chunk, "report": report})
        put_notes(cursor, {self._key: note})

    def _finish(self, part: Part) -> None:
        """Make what was loaded readable, then sort it."""
        self._tell("sorting")
        rows = self._archive.adopt(part, self._key)
        self._report.duplicates = self._report.imported - rows

    def _tell(self, phase: str) -> None:
        if self._on_progress:
            self._on_progress(self._report, self._file.rows, phase)


def _coded(
    rows: pa.Table, column: str | None, otherwise: str
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the texts of a column, and of each row which it has; missing ones are empty."""
    if column is None:
        return [otherwise], np.zeros(rows.num_rows, np.int64)
    texts = rows.column(column).cast(pa.string()).combine_chunks().fill_null("")
    values = pc.unique(texts)
    codes = pc.index_in(texts, value_set=values).to_numpy().astype(np.int64)
    return [text.strip(" ") for text in values.to_pylist()], codes


def pending_imports(archive: DuckArchive) -> list[str]:
    """Return the files whose import was begun and did not end."""
    cursor = archive.store.database.cursor()
    keys = cursor.execute("SELECT key FROM notes WHERE key LIKE 'import:%'").fetchall()
    notes = [get_note(cursor, key) for (key,) in keys]
    return [json.loads(note)["report"]["path"] for note in notes if note]
