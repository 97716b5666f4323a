"""Agents that do not run because they need not: outside their hours, finished, being worked on.

Owns the judgement and its words. A start that such an agent does not follow is no failure.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.states import AgentStatus


def resting_words(name: str, agents: Mapping[str, AgentInfo]) -> str | None:
    """Return why an agent rightly does not run, such as ``idle until Mon 14:15 UTC``.

    None if it runs, or should. Who waits for nobody but agents at rest is at rest.
    """
    agent = agents.get(name)
    if agent is None or agent.status is not AgentStatus.STOPPED or agent.error_message:
        return None
    if agent.maintenance is not None:
        return "in maintenance"
    if agent.is_idle and agent.schedule is not None:
        return agent.schedule.text
    if agent.waiting_for:
        found = {other: resting_words(other, agents) for other in agent.waiting_for}
        words = [f"{other}, {text}" for other, text in found.items() if text]
        return f"waits for {' and '.join(words)}" if len(words) == len(found) else None
    return f"finished, {agent.last_exit}" if agent.has_finished else None


def resting_among(results: Mapping[str, bool], agents: Mapping[str, AgentInfo]) -> dict[str, str]:
    """Return those that did not come up and need not, with why."""
    found = {name: resting_words(name, agents) for name, is_up in results.items() if not is_up}
    return {name: words for name, words in found.items() if words}
