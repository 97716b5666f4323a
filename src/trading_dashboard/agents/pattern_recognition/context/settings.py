"""Thresholds of the regime and of levels: sections of the agent's settings."""

from trading_dashboard.models.pattern_thresholds.context import (
    ContextSettings,
    LevelSettings,
    RegimeSettings,
)

__all__ = ["ContextSettings", "LevelSettings", "RegimeSettings"]
