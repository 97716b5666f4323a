"""The whole agent in this process, beside a market moved by hand; its account is on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.risk_management.live.fake_market import FakeMarket
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment
from trading_dashboard.agents.risk_management import agent as agent_module
from trading_dashboard.agents.risk_management import assembly
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.live.heavy import Heavy
from trading_dashboard.models.risk.gate import GateState

Running = Callable[..., Any]


class HereHeavy(Heavy):
    """Computes in this process: what a process of its own brings has tests of its own."""

    async def ask(
        self,
        key: Hashable,
        function: str,
        data: tuple[Hashable, Any],
        *arguments: Any,
        keep_seconds: float = 0.0,
    ) -> Any:
        module, _, name = function.partition(":")
        return getattr(import_module(module), name)(data[1], *arguments)


def build(folder: Path, market: FakeMarket, **settings: Any) -> AgentApp:
    """Return the agent's application over a market in memory."""
    production = settings.pop("production", False)
    environment = AgentEnvironment(
        name="risk_management",
        data_directory=folder,
        # Nothing moves unless a test moves it: that is no silence, however slow the machine is.
        settings={"sample": False, "gate": {"max_quiet_seconds": 600}, **settings},
        environment="production" if production else "development",
    )
    return assembly.build(environment, market)


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket()


@pytest.fixture
def running(tmp_path: Path, market: FakeMarket, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Return a context manager that runs the agent over `market`, open for trading."""
    monkeypatch.setattr(agent_module, "Heavy", HereHeavy)

    @asynccontextmanager
    async def run(*, is_open: bool = True, **settings: Any) -> AsyncIterator[RiskAgent]:
        app = build(tmp_path, market, **settings)
        agent: RiskAgent = app.state.agent
        async with agent.lifespan(app):
            if is_open:
                await eventually(lambda: agent.gate.look() is GateState.ACTIVE)
            yield agent

    return run
