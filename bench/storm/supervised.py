"""The real `up`, with a cheap stand-in for the dashboard.

    python -m bench.storm.supervised PROJECT [COMMAND …]

Only the dashboard's command and its patience are replaced, and that only if a command is given.
"""

from __future__ import annotations

import sys
from pathlib import Path

from trading_dashboard.cli import dashboard_agent
from trading_dashboard.cli.up import UpOptions, run_up
from trading_dashboard.config.settings import AgentSettings, DashboardSettings, RestartSettings

QUICK = {"startup_timeout": 3.0, "stop_timeout": 0.5, "timeout": 0.5, "health_check_interval": 0.5}


def main(arguments: list[str]) -> int:
    root, command = Path(arguments[0]), tuple(arguments[1:])
    real = dashboard_agent._agent

    def stand_in(settings: DashboardSettings, project_root: Path, port: int) -> AgentSettings:
        restart = RestartSettings(max_restarts=1000, first_delay_seconds=0.1, max_delay_seconds=0.5)
        changes = {"start_command": command, "restart": restart, **QUICK}
        return real(settings, project_root, port).model_copy(update=changes)

    if command:
        dashboard_agent._agent = stand_in
    return run_up(UpOptions(project_root=root, no_browser=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
