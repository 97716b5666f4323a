"""The command `data backfill`: the running agent is asked, it fetches, judges and keeps.

Owns the asking, symbol by symbol. What a source refuses or has not is told; the others go on. Asked
again, what is stored already is answered from the archive, so an interrupted backfill goes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

import typer

from trading_dashboard.cli.data.progress_bar import ProgressBar
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.remote import Action, Context
from trading_dashboard.cli.reporting import say
from trading_dashboard.clients.market_data import PAGE_LIMIT, MarketDataClient
from trading_dashboard.models.errors import TradingDashboardError
from trading_dashboard.models.market import INTERVALS, Interval

AGENT = "market_data"


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """What was typed."""

    symbols: tuple[str, ...]
    interval: str
    begin: str
    end: str | None


def backfill_through_agent(request: BackfillRequest, as_json: bool) -> Action:
    """Have history fetched; 1 if a symbol could not be."""
    if request.interval not in INTERVALS:
        raise typer.BadParameter(f"is none of {', '.join(INTERVALS)}.", param_hint="--interval")
    begin = _day(request.begin, "--from")
    end = _day(request.end, "--to") if request.end else datetime.now(UTC).date()

    async def action(context: Context) -> ExitCode:
        results: dict[str, dict[str, Any]] = {}
        async with MarketDataClient(await _agent_url(context)) as client:
            with ProgressBar(as_json=as_json) as bar:
                for number, symbol in enumerate(request.symbols):
                    bar.show(symbol, number, len(request.symbols))
                    results[symbol] = await fetch(client, symbol, request, begin, end)
        ok = all("error" not in result for result in results.values())
        if as_json:
            say(json.dumps({"ok": ok, "results": results}, indent=2, default=str))
        else:
            for symbol, result in results.items():
                said = result.get("text") or f"{result['bars']:,} bars of {result['source']}"
                say(f"{symbol}: {said}")
        return ExitCode.OK if ok else ExitCode.FAILED

    return action


async def _agent_url(context: Context) -> str:
    found = (await context.client.status()).agents.get(AGENT)
    if found is None or not found.url:
        raise TradingDashboardError(
            "This desk has no market data agent.",
            next_step="Add it to config/agents.yaml, or use `trading-dashboard data import`.",
        )
    return found.url


async def fetch(
    client: MarketDataClient, symbol: str, request: BackfillRequest, begin: date, end: date
) -> dict[str, Any]:
    """Ask for one symbol's history, page by page; return what came, or the error."""
    page: str | None = "first"
    bars, source = 0, "any source"
    try:
        while page is not None:
            answer = await client.historical(
                symbol,
                interval=cast("Interval", request.interval),
                start=begin,
                end=end,
                limit=PAGE_LIMIT,
                page=page,
            )
            if answer.replay:
                raise TradingDashboardError(
                    "The agent replays the past: there is nothing to fetch.",
                    observed=f"source {answer.source}",
                    next_step="Set the market data agent's source to `live`.",
                )
            bars, source, page = bars + answer.data_points, answer.source, answer.next_page
    except TradingDashboardError as error:
        return {"bars": bars, "source": source, "text": str(error), **error.as_body()}
    return {"bars": bars, "source": source}


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no day like 2024-05-17.", param_hint=option
        ) from error
