"""A file's bytes as columns, not interpreted yet: CSV by lines, Parquet by its schema.

Owns the two formats. What makes a file useless as a whole is `SourceGarbled`, naming file and line;
a row of another width than the headings stays as a row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trading_dashboard.agents.market_data.sources.contract import SourceGarbled
from trading_dashboard.agents.market_data.sources.files.arrow_columns import texts
from trading_dashboard.agents.market_data.sources.files.headings import (
    Headings,
    Unrecognised,
    recognise,
)

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 20_000_000
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns as they stand, by index, and the line each row is on."""

    headings: Headings
    columns: dict[int, pa.ChunkedArray]
    first_line: int = 0
    lines: Sequence[int] = ()

    def place(self, row: int) -> str:
        """Return where a row is, for people."""
        if self.lines:
            return f"line {self.lines[row]}"
        return f"line {self.first_line + row}" if self.first_line else f"row {row + 1}"


def read_text(content: bytes, label: str) -> RawTable:
    """Return the columns of a CSV file's content. Raises `SourceGarbled`."""
    _check_text(content, label)
    skip, heading = _heading(content)
    delimiter = max(DELIMITERS, key=heading.count)
    names = next(csv.reader([heading], delimiter=delimiter), [])
    headings = _recognised(names, label, f"line {skip}")
    # Blank lines are passed over at once too, but then nothing knows which line a row is on.
    if b"\n\n" not in content and b"\n\r\n" not in content:
        columns = _parsed_at_once(content, headings, names, delimiter, skip)
        if columns is not None:
            return RawTable(headings, columns, first_line=skip + 1)
    text = content.decode("utf-8-sig")
    return _parsed_one_by_one(text, headings, len(names), delimiter, skip, label)


def _heading(content: bytes) -> tuple[int, str]:
    """Return the number and the text of the first line that is neither blank nor a comment."""
    number, begin = 1, 0
    while begin < len(content):
        end = content.find(b"\n", begin)
        end = len(content) if end < 0 else end
        line = content[begin:end].decode("utf-8-sig").strip(" \r")
        if line.strip() and not line.startswith("#"):
            return number, line
        number, begin = number + 1, end + 1
    return number, ""


def _parsed_at_once(
    content: bytes, headings: Headings, names: list[str], delimiter: str, skip: int
) -> dict[int, pa.ChunkedArray] | None:
    """Return the columns, None if any row has too few or too many fields.

    Values are read as numbers at once; if any is none, all columns are texts.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    places = [str(index) for index in range(len(names))]
    read = arrow_csv.ReadOptions(column_names=places, skip_rows=skip, use_threads=False)
    for kind in (pa.float64(), pa.string()):
        types = dict.fromkeys(places, pa.string())
        types |= {str(index): kind for index in headings.values.values()}
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(content),
                read_options=read,
                parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=[str(index) for index in headings.used],
                    column_types=types,
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            continue
        return {index: table.column(str(index)) for index in headings.used}
    return None


def _parsed_one_by_one(
    text: str, headings: Headings, width: int, delimiter: str, skip: int, label: str
) -> RawTable:
    """Return the columns of rows that may be short (filled up) or long (nothing in them counts)."""
    fields: dict[int, list[str]] = {index: [] for index in headings.used}
    lines: list[int] = []
    body = io.StringIO(text)
    for _ in range(skip):
        body.readline()
    reader = csv.reader(body, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if not row:
                continue
            told = row if len(row) <= width else []
            for index, column in fields.items():
                column.append(told[index] if index < len(told) else "")
            lines.append(skip + reader.line_num)
    except csv.Error as error:
        raise SourceGarbled(f"{label}, line {skip + reader.line_num}: {error}.") from error
    columns = {index: texts(told) for index, told in fields.items()}
    return RawTable(headings, columns, lines=lines)


def read_parquet(path: Path, label: str) -> RawTable:
    """Return the columns of a Parquet file. Raises `SourceGarbled`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_ROWS:
                raise SourceGarbled(
                    f"{label} has {file.metadata.num_rows} rows, {MAX_ROWS} are allowed: split it."
                )
            names = file.schema_arrow.names
            headings = _recognised(names, label, "the schema")
            table = file.read(columns=[names[index] for index in headings.used])
            columns = {index: table.column(names[index]) for index in headings.used}
    except (pa.ArrowException, KeyError) as error:
        raise SourceGarbled(f"{label} is no whole Parquet file: {str(error)[:200]}") from error
    return RawTable(headings, columns)


def _recognised(names: Sequence[str], label: str, place: str) -> Headings:
    try:
        return recognise(names)
    except Unrecognised as error:
        shown = ", ".join(name.strip()[:30] for name in names[:12]) or "nothing"
        raise SourceGarbled(f"{label}, {place}: {error}. It says: {shown}.") from error


def _check_text(content: bytes, label: str) -> None:
    """Raise `SourceGarbled` for what is no UTF-8 text."""
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceGarbled(f"{label}, line {line}: not UTF-8 text. Save it as UTF-8.") from error
    if (zero := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, zero) + 1
        raise SourceGarbled(f"{label}, line {line}: holds zero bytes, so it is no text.")
