"""What the desk ships for its own agents: a hang is noticed soon, a busy machine is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT
from trading_dashboard.cli.dashboard_agent import plan_dashboard
from trading_dashboard.config import load_settings
from trading_dashboard.config.settings import AgentSettings, DashboardSettings
from trading_dashboard.orchestrator.probe_schedule import GRAINS
from trading_dashboard.orchestrator.runtime import Runtime

LATEST = 1.1 + 0.5 / GRAINS
"""Of its interval, when a probe comes at the latest."""


class FreePorts(Runtime):
    """A machine on which no port is taken."""

    async def port_owner(self, host: str, port: int) -> None:
        return None


async def market_data() -> AgentSettings:
    return load_settings(config_path=str(ROOT)).settings.agents["market_data"]


async def dashboard() -> AgentSettings:
    plan = await plan_dashboard(DashboardSettings(port=1), Path(), FreePorts())  # type: ignore[abstract]
    assert plan.agent is not None
    return plan.agent


@pytest.mark.parametrize(
    ("name", "noticed_within", "survives"), [("market_data", 8, 5), ("dashboard", 13, 9)]
)
async def test_a_hang_is_noticed_soon_and_a_pause_is_not_taken_for_one(
    name: str, noticed_within: float, survives: float
) -> None:
    agent = await {"market_data": market_data, "dashboard": dashboard}[name]()
    interval, deadline = agent.health_check_interval, agent.timeout
    silences = agent.failure_threshold
    assert silences * (LATEST * interval + deadline) <= noticed_within
    # The shortest silence that ends it: from just before the first request to the last deadline.
    shortest = silences * deadline + (silences - 1) * (0.9 - 0.5 / GRAINS) * interval
    assert shortest >= survives
    assert agent.stop_timeout <= 3
    assert agent.probes.liveness is None, "else its own values count"
