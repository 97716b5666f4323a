"""A desk without a supervisor: a control API and three agents that obey a test.

Speaks the same HTTP and WebSocket as the real ones. ``python fake_desk.py STATE_DIRECTORY`` writes
the state files, prints one JSON line with its addresses and runs until told to stop. Tests steer
it with ``POST /puppet`` on the control port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.puppets.fake_control import ControlFace, Desk
from tests.puppets.fake_market import Market, MarketFace
from tests.puppets.fake_patterns import PatternFace, Patterns
from tests.puppets.fake_risk import Risk, RiskFace


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def write_state(directory: Path, control_url: str, tokens: dict[str, str]) -> None:
    run = directory / "run"
    (run / "agents").mkdir(parents=True, exist_ok=True)
    (run / "lease.json").write_text(json.dumps({"control_url": control_url}), "utf-8")
    (run / "control.token").write_text(tokens["control"], "utf-8")
    (run / "login.key").write_text(secrets.token_hex(32), "utf-8")
    for name in ("market_data", "pattern_recognition", "risk_management"):
        (run / "agents" / f"{name}.token").write_text(tokens["market"], "utf-8")


async def main(directory: Path) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    urls = [f"http://127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    control_url, market_url, *_ = urls
    tokens = {"control": secrets.token_hex(16), "market": secrets.token_hex(16)}
    write_state(directory, control_url, tokens)
    market, desk = Market(), Desk(tokens["control"], urls[1:])
    patterns, risk = Patterns(market), Risk()
    apps = [
        ControlFace(desk, market, patterns, risk).app(),
        MarketFace(market, tokens["market"]).app(),
        PatternFace(patterns).app(),
        RiskFace(risk, tokens["market"]).app(),
    ]
    options: dict[str, Any] = {"log_level": "error", "ws": "websockets-sansio"}
    options |= {"timeout_graceful_shutdown": 1}
    servers = [QuietServer(uvicorn.Config(app, **options)) for app in apps]

    def end(*_: object) -> None:
        for server in servers:
            server.should_exit = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print(json.dumps({"control": control_url, "market": market_url}), flush=True)
    running = [asyncio.create_task(agent.run()) for agent in (market, patterns, risk)]
    await asyncio.gather(*(s.serve(sockets=[k]) for s, k in zip(servers, sockets, strict=True)))
    for task in running:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
