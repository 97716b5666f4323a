"""Asking agents' tasks to begin and end maintenance. What it means is `maintenance_rule`'s."""

from __future__ import annotations

from datetime import UTC, datetime

from trading_dashboard.models.agents import Maintenance
from trading_dashboard.orchestrator.agent_task import AgentTask
from trading_dashboard.orchestrator.maintenance_book import MaintenanceBook
from trading_dashboard.orchestrator.messages import MaintenanceRequested
from trading_dashboard.orchestrator.roster import Roster
from trading_dashboard.orchestrator.waiters import new_answer


async def set_maintenance(task: AgentTask, maintenance: Maintenance | None) -> bool:
    """Ask an agent to begin, change or end its maintenance; return whether it is so."""
    done = new_answer()
    task.post(MaintenanceRequested(done=done, maintenance=maintenance))
    return await done


async def restore_maintenance(agents: Roster, book: MaintenanceBook) -> None:
    """Tell the agents that an earlier run left in maintenance; before their tasks run."""
    for name, maintenance in (await book.load(datetime.now(UTC))).items():
        task = agents.find(name)
        if task is not None:
            task.post(MaintenanceRequested(done=new_answer(), maintenance=maintenance))
