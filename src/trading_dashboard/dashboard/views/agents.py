"""Agents: what runs, how well, and what happened?"""

from __future__ import annotations

import streamlit as st

from trading_dashboard.dashboard.components.agent_detail import agent_detail
from trading_dashboard.dashboard.components.agent_graph import agent_graph
from trading_dashboard.dashboard.components.agent_history import agent_history
from trading_dashboard.dashboard.components.agent_status import agent_status
from trading_dashboard.dashboard.components.agent_timeline import agent_timeline
from trading_dashboard.dashboard.components.log_view import log_view


def agents_view() -> None:
    """Draw the agents, the chosen one in full, their graph, log, timeline and history.

    ``/agents?agent=NAME`` opens with that agent chosen; the page itself reads and writes that.
    """
    with st.container(key="desk-agents-view"):
        agent_status()
        agent_detail()
        agent_graph()
        log_view()
        agent_timeline()
        agent_history()
