"""The risk agent at work: a tick with 500 holdings, `/check` under load, how soon the gate closes.

Each figure is printed beside a floor of the same run: a bare route of the same framework asked by
the same client in the same seconds, or the time after which what is measured can be known at all.

    .venv/bin/python -m bench.risk_live [--seconds 15] [--only tick|check|gate]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bench.desk import free_port
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import (
    account_opened,
    position_imported,
)
from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.limits.limits import LimitBook, breaches
from trading_dashboard.agents.risk_management.limits.losses import History, VarTerms
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.clients.risk import RiskClient
from trading_dashboard.models.market import ClockState, MarketPhase, PriceResponse
from trading_dashboard.models.risk.account import JournalEntry, OrderTicket
from trading_dashboard.models.risk.gate import GateReopening, LeaseRenewal, LimitChange, LimitKind
from trading_dashboard.models.risk.stream import GateUpdate

HOLDINGS, DAYS, TICKS = 500, 500, 20_000
RATE = 200
SETTLE_SECONDS = 5.0
"""History has been read by then."""
NOON = datetime(2012, 9, 4, 16, tzinfo=UTC)
TICKET = OrderTicket(symbol="AAPL", side="buy", quantity=Decimal(1))


def quantiles(seconds: list[float]) -> str:
    """Return median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    return (
        f"median {1000 * statistics.median(ordered):8.3f}  p99 {1000 * p99:8.3f}"
        f"  max {1000 * ordered[-1]:8.3f} ms  ({len(ordered):,})"
    )


# A tick


def measure_tick() -> None:
    """Revalue one holding of 500 and evaluate all limits, as the agent does after each price."""
    rng = np.random.default_rng(1)
    account = held_account(rng)
    check = PreTradeCheck(LimitBook())
    names = list(account.book.positions)
    prices = dict.fromkeys(names, 100.0)
    seconds, bare = [], []
    values = np.full(HOLDINGS, 1_000.0)
    for number in range(TICKS):
        name = names[number % HOLDINGS]
        prices[name] *= float(np.exp(rng.normal(0, 1e-4)))
        told = price(name, round(prices[name], 4), NOON + timedelta(seconds=number))
        began = time.perf_counter()
        account.take_price(told)
        states = check.limits.evaluate(account, check.pace, began)
        assert not breaches(states)
        seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
        values[number % HOLDINGS] = told.price * 10
        float(np.abs(values).sum())
        bare.append(time.perf_counter() - began)
    print(f"\nrevaluation and all limits after a tick, {HOLDINGS} holdings (bar p99 10 ms)")
    print(f"  the agent       {quantiles(seconds)}")
    print(f"  numpy's sum     {quantiles(bare)}")


def held_account(rng: np.random.Generator) -> LiveAccount:
    book = Book()
    drafts = [account_opened(Decimal(1_000_000), actor="bench", at=NOON)]
    drafts += [
        position_imported(f"S{number:03}", Decimal(10), Decimal(100), actor="bench", at=NOON)
        for number in range(HOLDINGS)
    ]
    for seq, draft in enumerate(drafts, 1):
        book.apply(
            JournalEntry(
                seq=seq, kind=draft.kind, actor="bench", at=NOON, recorded_at=NOON,
                data=json.loads(json.dumps(draft.data)),
            )
        )  # fmt: skip
    account = LiveAccount(book, lambda *_: 1.0, max_price_age_seconds=60)
    account.clock.take(
        ClockState(
            now=NOON, replay=True, speed=60, calendar="XNYS", time_zone="UTC",
            market=MarketPhase.OPEN, session=NOON.date(),
        ),
        time.monotonic(),
    )  # fmt: skip
    for symbol in book.positions:
        account.take_price(price(symbol, 100.0, NOON))
    returns = rng.normal(0, 0.01, (DAYS, HOLDINGS))
    account.take_history(History(tuple(book.positions), returns), VarTerms(), {})
    return account


def price(symbol: str, value: float, at: datetime) -> PriceResponse:
    return PriceResponse(symbol=symbol, price=value, timestamp=at, volume=1, source="bench")


# The agents


@dataclass
class Running:
    """Market data and the risk agent, each a process."""

    market: subprocess.Popen[bytes]
    market_port: int
    risk_port: int
    folder: Path
    renewing: asyncio.Task[None] | None = None

    @property
    def token(self) -> str:
        """Return the risk agent's operator token."""
        return (self.folder / "risk" / "operator.token").read_text()

    def client(self) -> RiskClient:
        """Return a client that may do everything."""
        return RiskClient(f"http://127.0.0.1:{self.risk_port}", self.token)


@contextmanager
def process(module: str, port: int, folder: Path, **variables: str) -> Iterator[Any]:
    """Run an agent."""
    environment = {**os.environ, **{f"TRADING_DASHBOARD_{k}": v for k, v in variables.items()}}
    command = [sys.executable, "-m", module, "--port", str(port), "--data-directory", str(folder)]
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGCONT)
            running.kill()
        running.wait()


@asynccontextmanager
async def agents(*, is_leased: bool = False) -> AsyncIterator[Running]:
    """Run both until the gate is open."""
    package = "trading_dashboard.agents"
    market_port, risk_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        market = stack.enter_context(
            process(f"{package}.market_data", market_port, folder / "market")
        )
        variables = {"AGENT_URLS": json.dumps({"market_data": f"http://localhost:{market_port}"})}
        if is_leased:
            variables["RUN_ID"] = "bench"
        stack.enter_context(
            process(f"{package}.risk_management", risk_port, folder / "risk", **variables)
        )
        running = Running(market, market_port, risk_port, folder)
        await until((folder / "risk" / "operator.token").exists)
        async with running.client() as client:
            if is_leased:
                running.renewing = asyncio.create_task(renew(client))
            try:
                await opened(client)
                yield running
            finally:
                if running.renewing is not None:
                    running.renewing.cancel()
                    await asyncio.gather(running.renewing, return_exceptions=True)


async def renew(client: RiskClient) -> None:
    renewal = LeaseRenewal(run_id="bench", ttl_seconds=1, agents={"market_data": "healthy"})
    while True:
        with contextlib.suppress(Exception):
            await client.renew_lease(renewal)
        await asyncio.sleep(0.2)


async def until(done: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(0.01)


async def opened(client: RiskClient) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(Exception):
                if (await client.gate()).trading_allowed:
                    return
            await asyncio.sleep(0.05)


# Checks


BARE = """
import sys
import uvicorn
from fastapi import FastAPI
from trading_dashboard.models.risk.account import OrderTicket

app = FastAPI()

@app.post("/check")
async def check(ticket: OrderTicket) -> dict[str, bool]:
    return {"allowed": True}

uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
"""


async def measure_check(seconds: float) -> None:
    """Ask both 200 times a second over kept connections."""
    port = free_port()
    command = [sys.executable, "-c", BARE, str(port)]
    bare = subprocess.Popen(command)  # noqa: ASYNC220 - nothing else runs yet
    try:
        async with agents() as running:
            await asyncio.sleep(SETTLE_SECONDS)
            ports = {"the agent": running.risk_port, "a bare route": port}
            taken: dict[str, list[float]] = {name: [] for name in ports}
            async with asyncio.TaskGroup() as group:
                for place, (name, at) in enumerate(ports.items()):
                    asking = ask(at, seconds, taken[name], place / (2 * RATE))
                    group.create_task(asking)
    finally:
        bare.kill()
        bare.wait()
    print(f"\n/check at {RATE} requests/s over HTTP, the replay at 60x (bar p99 10 ms)")
    for name, values in taken.items():
        print(f"  {name:15} {quantiles(values)}")


class Connection:
    """One kept connection that asks one thing, with as little of a client as there can be."""

    def __init__(self, port: int) -> None:
        body = TICKET.model_dump_json().encode()
        head = f"POST /check HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json"
        self._request = f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        """Connect, once there is anybody."""
        async with asyncio.timeout(30):
            while self._streams is None:
                with contextlib.suppress(OSError):
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                await asyncio.sleep(0.02)

    async def ask(self) -> None:
        """Ask, and read the answer."""
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


async def ask(port: int, seconds: float, taken: list[float], shift: float) -> None:
    """Ask when it is due, over whichever connection is free; count from when it was due."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    connections = [Connection(port) for _ in range(8)]
    for connection in connections:
        await connection.open()
        await connection.ask()
        free.put_nowait(connection)
    begin = time.perf_counter() + 0.2 + shift

    async def one(due: float) -> None:
        connection = await free.get()
        await connection.ask()
        taken.append(time.perf_counter() - due)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * RATE)):
            due = begin + number / RATE
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            group.create_task(one(max(due, time.perf_counter() - 0.001)))
    for connection in connections:
        connection.close()


# The gate


async def measure_gate() -> None:
    """Break one thing after the other; the stream says when the gate closed."""
    print("\nthe gate closes after (bar 1 s after it can be known)")
    async with agents(is_leased=True) as running, running.client() as client:
        await breach(client)
        await reopened(client)
        print(f"  agent stopped   {await closes(client, lambda: hang(running)):6.3f} s"
              "  of which 3 s of silence are allowed")  # fmt: skip
        running.market.send_signal(signal.SIGCONT)
        await reopened(client)
        print(f"  lease not renewed {await closes(client, lambda: abandon(running)):4.3f} s"
              "  of which up to 1 s was left")  # fmt: skip
    async with agents() as running, running.client() as client:
        took = await closes(client, running.market.kill)
        print(f"  agent killed    {took:6.3f} s  of which 0.5 s to connect again are allowed")


async def breach(client: RiskClient) -> None:
    change = LimitChange(kind=LimitKind.GROSS, soft=None, hard=0.0, reason="bench")
    tasks: list[asyncio.Task[Any]] = []

    def put() -> None:
        tasks.append(asyncio.create_task(client.set_limit(change)))

    print(
        f"  limit breached  {await closes(client, put):6.3f} s  with the change's way to the disk"
    )
    await asyncio.gather(*tasks)
    await client.set_limit(LimitChange(kind=LimitKind.GROSS, hard=2.0, reason="bench"))


def hang(running: Running) -> None:
    running.market.send_signal(signal.SIGSTOP)


def abandon(running: Running) -> None:
    assert running.renewing is not None
    running.renewing.cancel()


async def closes(client: RiskClient, act: Callable[[], object]) -> float:
    """Return seconds from an act to the message that the gate is closed."""
    async with aclosing(client.stream()) as messages, asyncio.timeout(30):
        await anext(messages)
        began = time.perf_counter()
        act()
        async for message in messages:
            if isinstance(message, GateUpdate) and not message.gate.trading_allowed:
                return time.perf_counter() - began
    raise AssertionError("the stream ended")


async def reopened(client: RiskClient) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Exception):
                await client.reopen(GateReopening(reason="bench"))
                return
            await asyncio.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--only", choices=("tick", "check", "gate"))
    options = parser.parse_args()
    if options.only in (None, "tick"):
        measure_tick()
    if options.only in (None, "check"):
        asyncio.run(measure_check(options.seconds))
    if options.only in (None, "gate"):
        asyncio.run(measure_gate())


if __name__ == "__main__":
    main()
