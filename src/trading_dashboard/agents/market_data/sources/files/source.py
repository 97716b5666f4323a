"""Files of the user's own as a source: bars for history, trades that are appended as they come.

Owns what the folder's rows mean as answers. Reading is `library`'s and `tail`'s, off the loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np

from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Integers, Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Capabilities,
    Instrument,
    PastBars,
    Quote,
    SourceFailure,
    SourceMisconfigured,
    SourceSettings,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.files.library import FileLibrary
from trading_dashboard.agents.market_data.sources.files.table import FileForm, FileTable
from trading_dashboard.agents.market_data.sources.files.tail import FolderTail
from trading_dashboard.agents.market_data.sources.listings import EXCHANGES
from trading_dashboard.agents.market_data.sources.options import SourceOptions
from trading_dashboard.agents.market_data.sources.readings import (
    SECONDS,
    UNREADABLE,
    closed_at,
    is_daily,
)
from trading_dashboard.config.calendar_names import ALIASES, CALENDARS
from trading_dashboard.models.market import INTERVALS

FOLDER = "files"
"""Name of the folder in the agent's data folder, if none is configured."""

HEARTBEAT_SECONDS = 5.0

logger = logging.getLogger(__name__)


class FileSource:
    """The source. Its options are in docs/market-data/sources.md."""

    def __init__(self, settings: SourceSettings) -> None:
        """Take the settings. Raises `SourceMisconfigured`."""
        self.name = settings.name
        options = SourceOptions(settings)
        folder = options.text("folder", "")
        self._is_own = not folder
        self.folder = Path(folder).expanduser() if folder else _default(settings)
        self._zone = options.zone("time_zone", "UTC")
        form = FileForm(
            zone=self._zone,
            decimal=options.text("decimal", ".", (".", ",")),
            time_format=options.text("time_format", ""),
            max_bytes=int(options.number("max_file_megabytes", 64, 0.001, 4096) * 2**20),
        )
        self._poll_seconds = options.number("poll_seconds", 1.0, 0.02, 3600)
        self._listing = _Listing(options)
        options.finish()
        self._form = form
        self._library = FileLibrary(self.name, self.folder, form)
        self.capabilities = Capabilities(
            asset_classes=frozenset({self._listing.asset_class}),
            intervals=INTERVALS,
            live="stream",
            has_search=True,
            max_quotes=1000,
            licence="Your own files",
            description=f"CSV and Parquet files in {self.folder}",
        )

    async def open(self) -> None:
        """Make the folder if it is the agent's own; read nothing. Raises `SourceMisconfigured`."""
        await asyncio.to_thread(self._find_folder)

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    async def find(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return the symbols that hold the text."""
        wanted = text.casefold()
        symbols = await asyncio.to_thread(self._library.symbols)
        found = [symbol for symbol in symbols if wanted in symbol.casefold()]
        return [self._listing.instrument(symbol) for symbol in found[:limit]]

    async def instrument(self, symbol: str) -> Instrument:
        """Return what is configured for all symbols."""
        if symbol not in await asyncio.to_thread(self._library.symbols):
            raise UnknownToSource(f"No file in {self.folder} has the symbol {symbol!r}.")
        return self._listing.instrument(symbol)

    async def history(self, symbol: str, interval: str, start: int, end: int) -> PastBars:
        """Return the bars of all files that have them, in the order they stand there."""
        bars = await asyncio.to_thread(self._library.bars, symbol, interval)
        wanted = bars.take(
            ((bars.start >= start) & (bars.start < end)) | (bars.start == UNREADABLE)
        )
        wanted.closed[:] = closed_at(wanted, time.time_ns() // 1000, self._zone)
        return PastBars(bars=wanted)

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return each symbol's newest trade, or the newest close of its shortest bars."""
        return await asyncio.to_thread(self._quotes, symbols)

    async def live(self, symbols: frozenset[str]) -> AsyncIterator[Ticks]:
        """Yield trades that are appended to CSV files from now on, or come in new ones.

        Now and then, while there are none, no ticks: the folder was looked at all the same.
        """
        tail = FolderTail(self.folder, self._form)
        beat_at = time.monotonic() + HEARTBEAT_SECONDS
        while True:
            for news in await asyncio.to_thread(lambda: list(tail.news())):
                for problem in self._problems_of(news):
                    logger.warning("Source %s: %s", self.name, problem)
                if isinstance(news, FileTable) and len(ticks := self._ticks(news, symbols)):
                    yield ticks
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + HEARTBEAT_SECONDS
                yield self._nothing()
            await asyncio.sleep(self._poll_seconds)

    def _find_folder(self) -> None:
        try:
            if self._is_own:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_folder, observed = self.folder.is_dir(), "there is no such folder"
        except OSError as error:
            is_folder, observed = False, error.strerror or str(error)
        if not is_folder:
            raise SourceMisconfigured(
                f"Source {self.name!r} cannot use the folder {self.folder}: {observed}. Make "
                "it, or set the option 'folder' to one that exists."
            )

    def _quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        known, received = self._library.symbols(), time.time_ns() // 1000
        quotes = []
        for symbol in symbols:
            intervals = known.get(symbol, frozenset())
            if "" in intervals:
                at, price, _ = self._library.trades(symbol)
            elif intervals:
                interval = min(intervals, key=INTERVALS.index)
                bars = self._library.bars(symbol, interval)
                at, price = _closing_times(bars), bars.close
            else:
                continue
            newest = int(np.argmax(at)) if len(at) else 0
            if len(at) and at[newest] != UNREADABLE:
                quotes.append(
                    Quote(
                        source=self.name,
                        symbol=symbol,
                        price=float(price[newest]),
                        at=int(at[newest]),
                        received=received,
                        currency=self._listing.currency,
                    )
                )
        return quotes

    def _problems_of(self, news: FileTable | SourceFailure) -> Sequence[str]:
        return news.problems if isinstance(news, FileTable) else [str(news)]

    def _ticks(self, table: FileTable, symbols: frozenset[str]) -> Ticks:
        """Return a file's trades of the symbols wanted."""
        wanted = np.array([symbol in symbols for symbol in table.symbols], dtype=np.bool_)
        part = wanted[table.code]
        count = int(part.sum())
        return Ticks(
            source=self.name,
            symbols=table.symbols,
            symbol=table.code[part],
            at=table.at[part],
            price=table.values["price"][part],
            size=table.values["size"][part],
            received=np.full(count, time.time_ns() // 1000, dtype=np.int64),
        )

    def _nothing(self) -> Ticks:
        """Return no ticks."""
        return Ticks(
            source=self.name,
            symbols=(),
            symbol=np.empty(0, dtype=np.int32),
            at=np.empty(0, dtype=np.int64),
            price=np.empty(0, dtype=np.float64),
            size=np.empty(0, dtype=np.float64),
            received=np.empty(0, dtype=np.int64),
        )


class _Listing:
    """What all symbols of the folder are, as configured."""

    def __init__(self, options: SourceOptions) -> None:
        kinds = tuple(kind.value for kind in AssetClass)
        self.asset_class = AssetClass(options.text("asset_class", "equity", kinds))
        usual = {AssetClass.CRYPTO: "24/7", AssetClass.FX: "24/5"}.get(self.asset_class, "XNYS")
        name = options.text("calendar", usual)
        self.calendar = ALIASES.get(name, name)
        if self.calendar not in CALENDARS:
            raise options.wrong("calendar", name, "use a name such as XNYS, XLON or 24/7.")
        self.exchange = options.text("exchange", self.calendar)
        known = EXCHANGES.get(self.calendar)
        self.time_zone = known.time_zone if known else "UTC"
        self.currency = options.text("currency", known.currency if known else "USD")

    def instrument(self, symbol: str) -> Instrument:
        """Return one of them."""
        return Instrument(
            symbol=symbol,
            name=symbol,
            asset_class=self.asset_class,
            exchange=self.exchange,
            calendar=self.calendar,
            time_zone=self.time_zone,
            currency=self.currency,
        )


def make(settings: SourceSettings) -> FileSource:
    """Return the source, not yet open. Raises `SourceMisconfigured`."""
    return FileSource(settings)


def _default(settings: SourceSettings) -> Path:
    if not settings.data_directory:
        raise SourceMisconfigured(
            f"Source {settings.name!r} has no folder: set the option 'folder'."
        )
    return Path(settings.data_directory) / FOLDER


def _closing_times(bars: Bars) -> Integers:
    """Return when each bar's last price was known; of days, only the date is."""
    length = 0 if is_daily(bars.interval) else SECONDS[bars.interval] * MICROSECONDS
    return np.where(bars.start == UNREADABLE, UNREADABLE, bars.start + length)
