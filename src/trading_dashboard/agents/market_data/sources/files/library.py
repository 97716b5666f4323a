"""The files of one folder, read when they are asked for and again when they change.

Owns what each file holds and which of them cannot be used. Blocking; may be called from any thread.
A file that changes while it is read is read again at the next look.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.sources.contract import (
    NotOffered,
    SourceFailure,
    SourceGarbled,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.files.folder import (
    Stamp,
    look,
    said_by_name,
)
from trading_dashboard.agents.market_data.sources.files.headings import Kind
from trading_dashboard.agents.market_data.sources.files.table import (
    FileForm,
    FileTable,
    read_file,
)
from trading_dashboard.models.market import INTERVALS

KEPT_BYTES = 64 * 1024 * 1024
"""Tables read last are kept up to so much memory."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What is known of a file without its rows."""

    stamp: Stamp
    kind: Kind = "bars"
    interval: str = ""
    symbols: frozenset[str] = frozenset()
    failure: str = ""


class FileLibrary:
    """The folder's content."""

    def __init__(self, source: str, folder: Path, form: FileForm) -> None:
        self.folder = folder
        self._source = source
        self._form = form
        self._entries: dict[Path, _Entry] = {}
        self._tables: OrderedDict[Path, FileTable] = OrderedDict()
        self._lock = threading.Lock()

    def symbols(self) -> Mapping[str, frozenset[str]]:
        """Return the intervals there are of each symbol; of trades the empty one."""
        with self._lock:
            self._refresh()
            found: dict[str, set[str]] = {}
            for entry in self._entries.values():
                for symbol in entry.symbols:
                    found.setdefault(symbol, set()).add(entry.interval)
        return {symbol: frozenset(found[symbol]) for symbol in sorted(found)}

    def bars(self, symbol: str, interval: str) -> Bars:
        """Return all bars of a symbol, in the order of the files and of their rows.

        Raises:
            SourceGarbled: The file of that name cannot be used.
            UnknownToSource: No file has the symbol.
            NotOffered: Files have it, but not these bars.
        """
        with self._lock:
            self._refresh()
            self._check(symbol)
            parts = list(self._parts(symbol, interval))
            if not parts:
                raise self._lacking(symbol, interval)
        names = ("at", "open", "high", "low", "close", "volume")
        columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
        count = len(columns["at"])
        return Bars(
            source=self._source,
            symbol=symbol,
            interval=interval,
            start=columns.pop("at").astype(np.int64),
            **columns,
            closed=np.ones(count, dtype=np.bool_),
            revision=np.zeros(count, dtype=np.int32),
        )

    def trades(self, symbol: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return time, price and size of all trades of a symbol. Raises as `bars`."""
        with self._lock:
            self._refresh()
            self._check(symbol)
            parts = list(self._parts(symbol, ""))
            if not parts:
                raise self._lacking(symbol, "")
        at, price, size = (
            np.concatenate([part[name] for part in parts]) for name in ("at", "price", "size")
        )
        return at, price, size

    def _parts(self, symbol: str, interval: str) -> Iterator[dict[str, np.ndarray]]:
        for path, entry in self._entries.items():
            if entry.interval != interval or symbol not in entry.symbols:
                continue
            table = self._table(path)
            mine = table.code == table.symbols.index(symbol)
            yield {"at": table.at[mine]} | {
                name: column[mine] for name, column in table.values.items()
            }

    def _refresh(self) -> None:
        """Look at the folder; read what is new or changed."""
        stamps = look(self.folder)
        for path in [path for path in self._entries if path not in stamps]:
            del self._entries[path]
            self._tables.pop(path, None)
        fresh = {path: stamp for path, stamp in stamps.items() if self._is_news(path, stamp)}
        for path, stamp in fresh.items():
            self._tables.pop(path, None)
            self._entries[path] = self._entered(path, stamp)
        if fresh:
            self._entries = {path: self._entries[path] for path in stamps}

    def _is_news(self, path: Path, stamp: Stamp) -> bool:
        entry = self._entries.get(path)
        return entry is None or entry.stamp != stamp

    def _entered(self, path: Path, stamp: Stamp) -> _Entry:
        try:
            table = self._table(path)
        except SourceFailure as failure:
            logger.warning("Source %s: %s", self._source, failure)
            return _Entry(stamp=stamp, failure=str(failure))
        for problem in table.problems:
            logger.warning("Source %s: %s", self._source, problem)
        return _Entry(
            stamp=stamp,
            kind=table.kind,
            interval=table.interval,
            symbols=frozenset(table.symbols),
        )

    def _table(self, path: Path) -> FileTable:
        """Return a file's rows, from memory if they are still there."""
        if (kept := self._tables.get(path)) is not None:
            self._tables.move_to_end(path)
            return kept
        symbol, interval = said_by_name(path, self.folder)
        table = read_file(path, self._label(path), symbol, interval, self._form)
        self._tables[path] = table
        while len(self._tables) > 1 and self._kept_bytes() > KEPT_BYTES:
            self._tables.popitem(last=False)
        return table

    def _kept_bytes(self) -> int:
        return sum(table.nbytes for table in self._tables.values())

    def _check(self, symbol: str) -> None:
        """Raise `SourceGarbled` if a file that is named after the symbol cannot be used."""
        for path, entry in self._entries.items():
            if entry.failure and said_by_name(path, self.folder)[0] == symbol:
                raise SourceGarbled(entry.failure)

    def _lacking(self, symbol: str, interval: str) -> SourceFailure:
        """Return the error that says what there is instead."""
        wanted = f"{interval} bars" if interval else "trades"
        there = {
            entry.interval or "trades"
            for entry in self._entries.values()
            if symbol in entry.symbols
        }
        rank = {name: place for place, name in enumerate(INTERVALS)}
        listed = ", ".join(sorted(there, key=lambda name: rank.get(name, -1)))
        instead = f" There are {listed}." if there else ""
        failures = [entry.failure for entry in self._entries.values() if entry.failure]
        broken = f" {len(failures)} files cannot be used: {failures[0]}" if failures else ""
        text = f"No file in {self.folder} has {wanted} of {symbol!r}.{instead}{broken}"
        # What is followed live by its trades is known, whatever bars nobody dropped.
        return NotOffered(text) if there else UnknownToSource(text)

    def _label(self, path: Path) -> str:
        return str(path.relative_to(self.folder))
