"""Bars of the market data agent as Arrow tables and data frames.

Owns reading the Arrow form, page by page. pyarrow and pandas are imported when they are asked for.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import httpx

from trading_dashboard.clients.market_questions import Adjusted, MarketQuestions, path_of
from trading_dashboard.models.market import Interval

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"
TABLE_PAGE_LIMIT = 1_000_000


class MarketTables(MarketQuestions):
    """The same questions, answered with whole columns."""

    async def bars_table(
        self,
        symbol: str,
        *,
        interval: Interval = "1d",
        start: date | None = None,
        end: date | None = None,
        limit: int | None = None,
        adjusted: Adjusted = "none",
        source: str | None = None,
    ) -> pa.Table:
        """Return every closed bar of a range of days, or the newest `limit` of them.

        Columns: timestamp (UTC, microseconds), open, high, low, close, volume, closed and what else
        the agent knows, oldest first. The schema's metadata says where the bars are from, under the
        key ``trading_dashboard``.

        Raises:
            UnknownSymbol, UnknownSource, InvalidRange, DataUnavailable.
        """
        import pyarrow as pa

        given: dict[str, Any] = {
            "interval": interval, "adjusted": adjusted, "start_date": start, "end_date": end,
            "source": source, "limit": limit or TABLE_PAGE_LIMIT,
        }  # fmt: skip
        parameters = {key: str(value) for key, value in given.items() if value is not None}
        if limit is not None and start is None:
            return (await self._table(symbol, parameters))[0]
        pages: list[pa.Table] = []
        page: str | None = "first"
        while page is not None:
            table, page = await self._table(symbol, {**parameters, "page": page})
            pages.append(table)
            if limit is not None:
                break
        if len(pages) == 1:
            return pages[0]
        # What a page says of itself names the page after it; the last one's is true of all.
        bare = [table.replace_schema_metadata(None) for table in pages]
        return pa.concat_tables(bare).replace_schema_metadata(pages[-1].schema.metadata)

    async def bars_frame(
        self,
        symbol: str,
        *,
        interval: Interval = "1d",
        start: date | None = None,
        end: date | None = None,
        limit: int | None = None,
        adjusted: Adjusted = "none",
        source: str | None = None,
    ) -> pd.DataFrame:
        """Return the same as a data frame, its index the opening times in UTC.

        Raises:
            UnknownSymbol, UnknownSource, InvalidRange, DataUnavailable.
        """
        table = await self.bars_table(
            symbol,
            interval=interval,
            start=start,
            end=end,
            limit=limit,
            adjusted=adjusted,
            source=source,
        )
        frame: pd.DataFrame = table.to_pandas().set_index("timestamp")
        return frame

    async def bars_arrow(
        self, symbol: str, *, interval: Interval = "1d", limit: int, adjusted: Adjusted = "none"
    ) -> bytes:
        """Return the newest closed bars as an Arrow stream, unread: for another process to read.

        Raises:
            UnknownSymbol, UnknownSource, InvalidRange, DataUnavailable.
        """
        asked = {"interval": interval, "adjusted": adjusted, "limit": str(limit)}
        return bytes((await self._arrow(symbol, asked))[0])

    async def _table(self, symbol: str, parameters: dict[str, str]) -> tuple[pa.Table, str | None]:
        """Return one page, and the next one's name."""
        import pyarrow as pa

        body, page = await self._arrow(symbol, parameters)
        try:
            with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
                return reader.read_all(), page
        except pa.ArrowInvalid as error:
            path = path_of("historical", symbol)
            about = httpx.Response(200, content=bytes(body[:200]))
            text = f"GET {path} answered something else than Arrow."
            raise self._misunderstood(text, path, about) from error

    async def _arrow(self, symbol: str, parameters: dict[str, str]) -> tuple[bytearray, str | None]:
        """Return one page as it came, and the next one's name."""
        request = self._http.build_request(
            "GET", path_of("historical", symbol), params=parameters, headers={"Accept": ARROW}
        )
        try:
            response = await self._http.send(request, stream=True)
            try:
                body = await _body(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            raise self._refusal(httpx.Response(response.status_code, content=bytes(body)))
        return body, response.headers.get("X-Next-Page")


async def _body(response: httpx.Response) -> bytearray:
    """Return the body, without keeping its pieces beside it."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
    return body
