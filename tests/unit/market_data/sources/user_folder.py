"""A folder of a user's files, and the source that reads it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.providers.rows import Told
from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.sources.contract import Source, SourceSettings
from trading_dashboard.agents.market_data.sources.registry import load_source

ALWAYS = (-(2**60), 2**60)
HEAD = "Date,Open,High,Low,Close,Adj Close,Volume\n"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def written(rows: Sequence[Told]) -> str:
    return "".join(
        f"{row.date},{row.open},{row.high},{row.low},{row.close},0.5,{row.volume}\n" for row in rows
    )


class Folder:
    """A folder and the source that reads it; files in it are old unless told."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, name: str, content: str | bytes, *, is_old: bool = True) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if is_old:
            os.utime(path, (time.time() - 60, time.time() - 60))
        return path

    def source(self, **options: str | float | bool) -> Source:
        given = {"folder": str(self.path), "poll_seconds": 0.02, **options}
        return load_source("file", SourceSettings(name="file", options=given))

    async def bars(
        self, symbol: str = "AAPL", interval: str = "1d", **options: str | float
    ) -> Bars:
        source = self.source(**options)
        await source.open()
        return (await source.history(symbol, interval, *ALWAYS)).bars
