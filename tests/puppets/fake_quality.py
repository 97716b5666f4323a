"""What the puppet desk's market data agent says of its data: sources, scores, gaps, storage.

Speaks the routes of the real agent beside prices. A test sets `market.data_down` to have them
refused, `market.data_empty` to have nothing in them, and `market.gap` to have one gap more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from tests.puppets.fake_market import Market

NAMES = {
    "AAPL": "Apple Inc.", "FB": "Facebook, Inc.", "GOOG": "Google Inc.",
    "IBM": "International Business Machines", "MSFT": "Microsoft Corporation",
    "BTC/USDT": "Bitcoin in Tether",
}  # fmt: skip
SOURCES: list[dict[str, Any]] = [
    {
        "name": "puppet", "active": True, "real": False, "description": "Prices made of sines",
        "licence": "Public domain", "intervals": ["1m", "1d"], "status": "answers", "state": "ok",
        "breaker": "closed", "live_breaker": "closed", "retry_in_seconds": None,
        "needs_key": False, "live": "stream", "live_symbols": 5, "quota_used": 42,
        "quota_limit": None, "quota_resets_at": "2012-09-06T00:00:00Z", "requests": 1234,
        "requests_per_minute": None, "errors": {}, "last_error": None, "last_error_at": None,
        "latency_p50_ms": 12.5, "latency_p99_ms": 181.25,
    },
    {
        "name": "keyed", "active": True, "real": True, "description": "A provider with a key",
        "licence": "Personal use only, no redistribution", "intervals": ["1d"],
        "status": "its limits are used up; asked again in 340 s", "state": "limited",
        "breaker": "closed", "live_breaker": "closed", "retry_in_seconds": 340.0,
        "needs_key": True, "live": "none", "live_symbols": 0, "quota_used": 25,
        "quota_limit": 25, "quota_resets_at": "2012-09-06T00:00:00Z", "requests": 31,
        "requests_per_minute": 5, "errors": {"source_limited": 6},
        "last_error": "429: the daily limit of 25 requests is reached",
        "last_error_at": "2012-09-05T15:58:10Z", "latency_p50_ms": 210.0, "latency_p99_ms": 1380.0,
    },
    {
        "name": "exchange", "active": True, "real": True, "description": "An exchange",
        "licence": "Terms of the exchange", "intervals": ["1m"],
        "status": "does not answer: connection refused; asked again in 12 s", "state": "down",
        "breaker": "open", "live_breaker": "half_open", "retry_in_seconds": 12.0,
        "needs_key": False, "live": "poll", "live_symbols": 1, "quota_used": 0,
        "quota_limit": None, "quota_resets_at": "2012-09-06T00:00:00Z", "requests": 17,
        "requests_per_minute": 60, "errors": {"source_unavailable": 9, "source_invalid": 2},
        "last_error": "connection refused", "last_error_at": "2012-09-05T15:59:48Z",
        "latency_p50_ms": None, "latency_p99_ms": None,
    },
]  # fmt: skip


def score(symbol: str, value: float, grade: str, **parts: Any) -> dict[str, Any]:
    return {
        "symbol": symbol, "source": "puppet", "score": value, "grade": grade,
        "completeness": 100.0, "accuracy": None, "timeliness": None, "consistency": 99.5,
        "validity": 100.0, "uniqueness": 100.0, "rows": 3148, "rejected": 0, "gaps": 0,
        "computed_at": "2012-09-05T15:59:00Z",
    } | parts  # fmt: skip


SCORES = [
    score("IBM", 48.2, "F", completeness=40.0, validity=61.5, rejected=3, gaps=2),
    score("GOOG", 81.4, "B", completeness=92.1, gaps=1),
    score("AAPL", 98.7, "A+", accuracy=97.3, timeliness=100.0),
    score("FB", 99.2, "A+"),
    score("MSFT", 99.9, "A+"),
]
REJECTED = [
    {
        "symbol": "IBM", "source": "puppet", "interval": "1d",
        "timestamp": "2012-09-04T00:00:00Z", "received": "2012-09-04T21:01:07Z",
        "reason": "high_below_low", "detail": "high 194.1 is below low 195.4",
        "row": '{"open": 195.0, "high": 194.1, "low": 195.4, "close": 194.9}',
    },
    {
        "symbol": "IBM", "source": "exchange", "interval": None, "timestamp": None,
        "received": "2012-09-04T15:11:00Z", "reason": "not_finite",
        "detail": "price is not a number", "row": '{"price": "NaN", "size": 100}',
    },
]  # fmt: skip
STORAGE: dict[str, Any] = {
    "files": [
        {"name": "market_data.duckdb", "bytes": 1_585_152}, {"name": "quota.json", "bytes": 212},
    ],
    "total_bytes": 1_585_364, "free_bytes": 53_687_091_200, "rows": 15_740,
    "series": [
        {"source": "puppet", "symbol": symbol, "interval": "1d", "rows": 3148,
         "first": "2000-03-01T00:00:00Z", "last": "2012-09-04T00:00:00Z"}
        for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    ],
}  # fmt: skip


def gap(symbol: str, start: datetime, minutes: float, **more: Any) -> dict[str, Any]:
    def text(moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    return {
        "symbol": symbol, "source": "puppet", "interval": "1m", "start": text(start),
        "end": text(start + timedelta(minutes=minutes)), "cause": "source_silent",
        "detail": f"No tick for {minutes * 60:.0f} s.", "found_at": text(start),
        "filled_at": None, "attempts": 0,
    } | more  # fmt: skip


def recording(name: str, state: str) -> dict[str, Any]:
    return {
        "name": name, "source": "puppet", "symbols": [], "state": state, "reason": None,
        "made_at": "2012-09-05T15:00:00Z", "start": "2012-09-05T15:00:00Z",
        "end": "2012-09-05T15:42:00Z", "rows": 12_345, "size_bytes": 1_572_864, "playing": False,
    }  # fmt: skip


class QualityFace:
    """The agent's routes about its data."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def routes(self) -> list[Route]:
        return [
            Route("/sources", self.sources),
            Route("/quality/report", self.report),
            Route("/quality/{symbol:path}", self.quality),
            Route("/quarantine", self.quarantine),
            Route("/gaps", self.all_gaps),
            Route("/gaps/{symbol:path}", self.gaps),
            Route("/storage", self.storage),
            Route("/symbols", self.symbols),
            Route("/recordings", self.recordings, methods=["GET", "POST"]),
            Route("/recordings/{name}", self.one_recording, methods=["DELETE"]),
            Route("/recordings/{name}/stop", self.one_recording, methods=["POST"]),
        ]

    def answer(self, request: Request, body: dict[str, Any]) -> Response:
        market = self.market
        path = request.url.path
        market.asked[path] = market.asked.get(path, 0) + 1
        if market.data_down:
            wrong = {"code": "store_unusable", "message": "The store cannot be read."}
            more: dict[str, Any] = {"subject": None, "observed": None, "details": []}
            next_step = {"next_step": "Check the disk."}
            return JSONResponse({"error": wrong | more | next_step}, 500)
        return JSONResponse({"source": "puppet", "replay": True, "intraday": "simulated"} | body)

    def listed(self, rows: list[Any]) -> list[Any]:
        return [] if self.market.data_empty else rows

    def known_gaps(self) -> list[dict[str, Any]]:
        last = datetime(2012, 9, 5, 15, 20, tzinfo=UTC)
        days = {"interval": "1d", "cause": "not_delivered", "detail": "2 sessions without a row."}
        rows = [
            gap("AAPL", last, 12, filled_at="2012-09-05T15:40:11Z", attempts=2),
            gap("AAPL", last - timedelta(minutes=35), 9, cause="agent_down", attempts=3),
            gap("IBM", datetime(2012, 7, 2, tzinfo=UTC), 2880, **days),
        ]
        return self.listed([*self.market.more_gaps, *rows])

    async def sources(self, request: Request) -> Response:
        return self.answer(request, {"sources": self.listed(SOURCES)})

    async def report(self, request: Request) -> Response:
        scores = self.listed(SCORES)
        grades: dict[str, int] = {}
        for row in scores:
            grades[row["grade"]] = grades.get(row["grade"], 0) + 1
        return self.answer(request, {"scores": scores, "total": len(scores), "grades": grades})

    async def quality(self, request: Request) -> Response:
        symbol = request.path_params["symbol"]
        scores = [row for row in self.listed(SCORES) if row["symbol"] == symbol]
        return self.answer(request, {"symbol": symbol, "scores": scores})

    async def quarantine(self, request: Request) -> Response:
        return self.answer(request, {"rejected": self.listed(REJECTED)})

    async def all_gaps(self, request: Request) -> Response:
        return self.answer(request, {"symbol": None, "gaps": self.known_gaps()})

    async def gaps(self, request: Request) -> Response:
        symbol = request.path_params["symbol"]
        gaps = [row for row in self.known_gaps() if row["symbol"] == symbol]
        return self.answer(request, {"symbol": symbol, "gaps": gaps})

    async def storage(self, request: Request) -> Response:
        return self.answer(request, STORAGE | {"series": self.listed(list(STORAGE["series"]))})

    async def recordings(self, request: Request) -> Response:
        kept = self.market.recordings
        if request.method == "POST":
            name = (await request.json())["name"]
            if name in kept:
                wrong = {
                    "code": "recording_conflict",
                    "message": f"There is a recording '{name}' already.",
                }
                more: dict[str, Any] = {"subject": name, "observed": None, "details": []}
                return JSONResponse(
                    {"error": wrong | more | {"next_step": "Choose another name."}}, 409
                )
            kept[name] = recording(name, "recording")
        return self.answer(request, {"recordings": list(kept.values())})

    async def one_recording(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            del self.market.recordings[name]
            return Response(status_code=204)
        self.market.recordings[name] = recording(name, "complete")
        return JSONResponse(self.market.recordings[name])

    async def symbols(self, request: Request) -> Response:
        wanted = request.query_params.get("text", "").upper()
        rows = [
            {"symbol": symbol, "name": name, "first_session": "2000-03-01", "source": "puppet",
             "exchange": "NYSE", "calendar": "XNYS", "time_zone": "America/New_York"}
            for symbol, name in NAMES.items()
            if wanted in symbol or wanted in name.upper()
        ]  # fmt: skip
        return self.answer(request, {"symbols": rows, "total": len(rows), "next_offset": None})
