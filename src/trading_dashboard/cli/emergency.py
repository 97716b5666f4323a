"""`stop --emergency`: every agent's processes killed at once, after a last question."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trading_dashboard.cli import remote
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.remote import Action, Context
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.clients.lease import read_lease
from trading_dashboard.config.places import find_project_root
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import NotSupervised, TradingDashboardError
from trading_dashboard.models.states import AgentStatus, Management

QUESTION = "Kill all agents at once, without asking them? They stay stopped. [y/N] "


def run_emergency_stop(project_root: Path | None, yes: bool, as_json: bool) -> ExitCode:
    """Ask a person whether it is meant, unless told not to, and do it."""
    root = project_root.absolute() if project_root else find_project_root()
    try:
        read_lease(root)  # nothing to ask about without a supervisor
    except NotSupervised as error:
        return complain(error, as_json)
    if not yes and not as_json and sys.stdin.isatty() and not _is_meant():
        declined = TradingDashboardError(
            "Nothing was stopped.", next_step="Answer y, or use --yes."
        )
        return complain(declined)
    return remote.run(emergency_stop(as_json), root, as_json)


def emergency_stop(as_json: bool) -> Action:
    """Kill all agents; fails if something of one is still there."""

    async def action(context: Context) -> ExitCode:
        answer = await context.client.emergency_stop()
        agents = await context.client.agents()
        is_ok = all(answer.results.values()) and not answer.pending
        if as_json:
            said = {"ok": is_ok, "pending": answer.pending, "results": answer.results}
            say(json.dumps(said, indent=2))
        else:
            for name, is_ended in answer.results.items():
                say(f"{name}: {_outcome(is_ended, agents.get(name))}")
            if answer.pending:
                say("Not everything has ended yet; `trading-dashboard status` shows what is left.")
        return ExitCode.OK if is_ok else ExitCode.FAILED

    return action


def _is_meant() -> bool:
    sys.stderr.write(QUESTION)
    sys.stderr.flush()
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return False


def _outcome(is_ended: bool, agent: AgentInfo | None) -> str:
    if is_ended:
        return "stopped"
    if agent is not None and agent.management is Management.EXTERNAL:
        return "left running, someone else started it"
    if agent is not None and agent.status is not AgentStatus.STOPPED:
        return f"could not be ended; it is {agent.status}"
    return "could not be ended"
