"""The real `up`, with a cheap stand-in for the dashboard.

    python -m bench.storm.supervised PROJECT [COMMAND …]

Only the dashboard's command and its patience are replaced, and that only if a command is given.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from trading_dashboard.cli import desk
from trading_dashboard.cli.dashboard_agent import DashboardPlan, plan_dashboard
from trading_dashboard.cli.up import UpOptions, run_up
from trading_dashboard.config.settings import DashboardSettings, RestartSettings
from trading_dashboard.orchestrator.runtime import Runtime

QUICK = {"startup_timeout": 3.0, "stop_timeout": 0.5, "timeout": 0.5, "health_check_interval": 0.5}


def main(arguments: list[str]) -> int:
    root, command = Path(arguments[0]), tuple(arguments[1:])

    async def plan(
        settings: DashboardSettings, project_root: Path, runtime: Runtime
    ) -> DashboardPlan:
        made = await plan_dashboard(settings, project_root, runtime)
        if made.agent is None:
            return made
        restart = RestartSettings(max_restarts=1000, first_delay_seconds=0.1, max_delay_seconds=0.5)
        changes = {"start_command": command, "restart": restart, **QUICK}
        return replace(made, agent=made.agent.model_copy(update=changes))

    if command:
        # The desk's own name for it, which it looks up when it starts.
        vars(desk)["plan_dashboard"] = plan
    return run_up(UpOptions(project_root=root, no_browser=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
