"""The supervision core: starts, probes, restarts and stops agents. No web framework."""

from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.agent_manager import AgentManager, get_agent_manager

__all__ = ["AgentInfo", "AgentManager", "AgentStatus", "get_agent_manager"]
