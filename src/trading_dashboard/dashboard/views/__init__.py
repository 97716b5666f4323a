"""The views, one file each. Only what exists is listed: there are no placeholders.

The folder is not called `pages`: next to an entry script Streamlit takes that name for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trading_dashboard.dashboard.views import agents, chart, data, overview, patterns, risk


@dataclass(frozen=True, slots=True)
class View:
    """One page.

    Attributes:
        title: Its name in the navigation.
        path: Its URL path; empty for the first page.
        render: Draws it.
    """

    title: str
    path: str
    render: Callable[[], None]


VIEWS = (
    View("Overview", "", overview.overview),
    View("Chart", "chart", chart.chart_view),
    View("Data", "data", data.data_view),
    View("Patterns", "patterns", patterns.patterns_view),
    View("Risk", "risk", risk.risk_view),
    View("Agents", "agents", agents.agents_view),
)
