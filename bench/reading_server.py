"""The market data agent as it is, over the source of `reading_archive`; `bench.reading` runs it.

Owns nothing but which source there is, and says at the end how late its event loop was.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest import mock

from fastapi import FastAPI

from bench.reading_archive import SOURCE, SteadySource, symbol_name
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, run_agent
from trading_dashboard.agents.market_data.assembly import build
from trading_dashboard.agents.market_data.live import assembly

LOOK_SECONDS = 0.005


def settings(followed: int) -> dict[str, Any]:
    return {
        "source": "live",
        "priorities": {"crypto": [SOURCE]},
        "symbols": [symbol_name(number) for number in range(followed)],
        "calendar": "24/7",
    }


async def watch(lateness: list[float]) -> None:
    """Note how late the loop wakes who sleeps."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        lateness.append(1000 * (loop.time() - due))


def watched(environment: AgentEnvironment) -> AgentApp:
    """Return the agent's application, its loop watched."""
    app = build(environment)
    lateness: list[float] = []
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(watch(lateness))
        async with inner(application):
            yield
        watching.cancel()

    app.router.lifespan_context = lifespan

    @app.get("/bench/lateness")
    async def get_lateness() -> list[float]:
        """How late the loop was, in milliseconds, since the last question."""
        said = list(lateness)
        lateness.clear()
        return said

    return app


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", required=True)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--followed", type=int, default=0)
    options = parser.parse_args()
    followed = options.followed if options.rate else 0
    os.environ["TRADING_DASHBOARD_AGENT_SETTINGS"] = json.dumps(settings(followed))
    arguments = ["--port", options.port, "--data-directory", str(options.folder)]
    with mock.patch.object(assembly, "load_source", return_value=SteadySource(options.rate)):
        return run_agent("bench", watched, default_port=0, arguments=arguments)


if __name__ == "__main__":
    raise SystemExit(main())
