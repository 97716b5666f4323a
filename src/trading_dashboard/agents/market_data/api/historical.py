"""`/historical/{symbol}`: bars as JSON, Arrow or Parquet.

Owns parameters, limits, validators and how many large answers are made at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, Described
from trading_dashboard.agents.kit.memory import give_back
from trading_dashboard.agents.market_data.api.answers import BY_SYMBOL
from trading_dashboard.agents.market_data.api.bar_json import history_json
from trading_dashboard.agents.market_data.api.forms import MEDIA_TYPES, Format, chosen
from trading_dashboard.agents.market_data.api.tables import (
    Compression,
    TableResponse,
    arrow_table,
)
from trading_dashboard.agents.market_data.api.validators import content_tag, is_known
from trading_dashboard.agents.market_data.market import (
    FIRST_PAGE,
    Adjusted,
    BarsAnswer,
    BarsQuestion,
    Market,
)
from trading_dashboard.models.market import HistoricalResponse, Interval

DEFAULT_LIMIT = 500
MAX_JSON_BARS = 10_000
MAX_TABLE_BARS = 2_000_000
LARGE_BARS = 100_000
LARGE_AT_ONCE = 2
"""So many answers with a limit above `LARGE_BARS` are made at once: each is a table in memory."""
GIVE_BACK_SECONDS = 1.0
"""Memory of large answers is returned when none has ended for so long: the next one would have to
ask the system for every page of it again."""
_INLINE_BARS = 2_000
"""More bars than this are written in a thread."""

Result = TypeVar("Result")


class HistoricalQuery(BaseModel):
    """The parameters of the route."""

    start_date: date | None = Field(default=None, description="First day, inclusive.")
    end_date: date | None = Field(default=None, description="Last day, inclusive.")
    interval: Interval = Field(default="1d", description="Length of a bar.")
    limit: int | None = Field(
        default=None,
        ge=1,
        le=MAX_TABLE_BARS,
        description="Bars at most: the first ones from `start_date` on, else the newest ones. "
        f"By default {MAX_JSON_BARS} with a `start_date`, else {DEFAULT_LIMIT}. At most "
        f"{MAX_JSON_BARS} as JSON, {MAX_TABLE_BARS} as Arrow or Parquet.",
    )
    page: str | None = Field(
        default=None,
        max_length=200,
        description="The last answer's `next_page`, or `first` to go forward from the first bar.",
    )
    adjusted: Adjusted = Field(
        default="none",
        description="Adjust prices and volumes for actions effective by the clock.",
    )
    include_partial: bool = Field(
        default=False, description="Also the bar that is forming, marked `closed: false`."
    )
    source: str | None = Field(
        default=None,
        max_length=64,
        description="Only this source's bars; without it, of who serves the symbol now.",
    )
    format: Format | None = Field(default=None, description="Overrules `Accept`.")
    compression: Compression | None = Field(
        default=None,
        description="Of Arrow (`none` without it) and Parquet (`zstd` without it); not of JSON.",
    )

    def question(self, symbol: str) -> BarsQuestion:
        """Return what is asked of the market.

        Raises:
            InvalidRange: The dates are swapped.
        """
        return BarsQuestion(
            symbol=symbol,
            interval=self.interval,
            start=self.start_date,
            end=self.end_date,
            limit=self.limit or (MAX_JSON_BARS if self.start_date else DEFAULT_LIMIT),
            # Who names a start is answered from there on, never with a beginning cut off.
            page=self.page or (FIRST_PAGE if self.start_date else None),
            adjusted=self.adjusted,
            include_partial=self.include_partial,
            source=self.source,
        )


_KNOWN_TAG = Header(
    max_length=4096, description="ETags the reader has: answered with 304 if nothing changed."
)

_EXAMPLE = {
    "symbol": "AAPL", "start_date": "2012-08-31", "end_date": "2012-08-31", "interval": "1d",
    "data_points": 1,
    "data": [
        {"timestamp": "2012-08-31T00:00:00Z", "open": 667.25, "high": 668.6, "low": 657.25,
         "close": 665.24, "volume": 12082900, "adjusted_close": 665.24, "source": "demo",
         "quality_score": 100.0, "closed": True}
    ],
    "next_page": None, "as_of": "2012-09-04T14:31:00Z",
    "source": "demo", "replay": True, "intraday": "simulated",
}  # fmt: skip
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_TAG_HEADER = {"ETag": {"description": "Of the content.", "schema": {"type": "string"}}}
_ANSWERS: Described = {
    **BY_SYMBOL,
    200: {
        "content": {
            MEDIA_TYPES["json"]: {"example": _EXAMPLE},
            MEDIA_TYPES["arrow"]: _BINARY,
            MEDIA_TYPES["parquet"]: _BINARY,
        },
        "headers": _TAG_HEADER,
    },
    304: {
        "description": "Nothing changed since the answer with this ETag.",
        "headers": _TAG_HEADER,
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How the answer is to be written."""

    form: Format
    compression: Compression
    known_tag: str | None


def add_historical(app: AgentApp, market: Market) -> None:
    """Add the route."""
    maker = AnswerMaker(market)

    @app.get(
        "/historical/{symbol:path}",
        tags=["market"],
        response_model=HistoricalResponse,
        responses=_ANSWERS,
    )
    async def get_historical(
        request: Request,
        symbol: Annotated[str, SYMBOL],
        asked: Annotated[HistoricalQuery, Query()],
        if_none_match: Annotated[str | None, _KNOWN_TAG] = None,
    ) -> Response:
        """Bars of a symbol up to the market clock, oldest first."""
        form = chosen(asked.format, request.headers.get("accept"))
        if form == "json" and asked.limit is not None and asked.limit > MAX_JSON_BARS:
            raise RequestValidationError([_too_many(asked.limit)])
        usual: Compression = "zstd" if form == "parquet" else "none"
        wanted = Wanted(form=form, compression=asked.compression or usual, known_tag=if_none_match)
        return await maker.answer(asked.question(symbol), wanted)


class AnswerMaker:
    """Reads bars and writes them in the form that is wanted."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._giving_back: asyncio.TimerHandle | None = None

    async def answer(self, question: BarsQuestion, wanted: Wanted) -> Response:
        """Return the answer; 304 without a body if the reader has it."""
        if question.limit <= LARGE_BARS:
            return await self._written(await self._market.bars(question), wanted, _nothing)
        await self._large.acquire()
        try:
            found = await self._market.bars(question)
            response = await self._written(found, wanted, self._end_large)
        except BaseException:
            self._large.release()
            raise
        if not isinstance(response, TableResponse):
            self._large.release()
        return response

    def _end_large(self) -> None:
        self._large.release()
        # When the last references are gone and no other large answer follows; off the loop.
        loop = asyncio.get_running_loop()
        if self._giving_back is not None:
            self._giving_back.cancel()
        self._giving_back = loop.call_later(
            GIVE_BACK_SECONDS, loop.run_in_executor, None, give_back
        )

    async def _written(
        self, found: BarsAnswer, wanted: Wanted, on_end: Callable[[], None]
    ) -> Response:
        inline = _here if len(found) <= _INLINE_BARS else asyncio.to_thread
        tag = await inline(content_tag, f"{wanted.form} {wanted.compression}", found)
        # JSON tells the moment of the answer, so two equal ones differ in a byte: a weak tag.
        headers = {
            "ETag": f'W/"{tag}"' if wanted.form == "json" else f'"{tag}"',
            "Cache-Control": "no-cache",
            "Vary": "Accept",
        }
        if is_known(tag, wanted.known_tag):
            return Response(status_code=304, headers=headers)
        if wanted.form == "json":
            body = await inline(history_json, found)
            return Response(body, media_type=MEDIA_TYPES["json"], headers=headers)
        headers["X-As-Of"] = str(found.head["as_of"])
        if found.head.get("next_page"):
            headers["X-Next-Page"] = str(found.head["next_page"])
        table = await asyncio.to_thread(arrow_table, found)
        return TableResponse(table, MEDIA_TYPES[wanted.form], wanted.compression, headers, on_end)


async def _here(work: Callable[..., Result], *arguments: Any) -> Result:
    return work(*arguments)


def _nothing() -> None:
    return


def _too_many(limit: int) -> dict[str, Any]:
    return {
        "type": "less_than_equal",
        "loc": ("query", "limit"),
        "msg": f"Input should be less than or equal to {MAX_JSON_BARS} as JSON; "
        f"as Arrow or Parquet it may be {MAX_TABLE_BARS}",
        "input": limit,
    }
