"""Settings, where each value came from, and what is wrong with them.

The shape is `settings`, the layers are read and merged by `loader`. Nothing here starts anything.
"""

from trading_dashboard.config.commands import resolve_command
from trading_dashboard.config.loader import check_startable, load_again, load_settings
from trading_dashboard.config.origins import EffectiveValue, LoadedSettings, Origin, OriginKind
from trading_dashboard.config.places import find_project_root
from trading_dashboard.config.settings import (
    AgentSettings,
    DashboardSettings,
    LogSettings,
    Settings,
)

__all__ = [
    "AgentSettings",
    "DashboardSettings",
    "EffectiveValue",
    "LoadedSettings",
    "LogSettings",
    "Origin",
    "OriginKind",
    "Settings",
    "check_startable",
    "find_project_root",
    "load_again",
    "load_settings",
    "resolve_command",
]
