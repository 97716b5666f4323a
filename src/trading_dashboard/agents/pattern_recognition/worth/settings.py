"""Thresholds of patterns' worth: a section of the agent's settings."""

from trading_dashboard.models.pattern_thresholds.worth import ATR_BARS, WorthSettings

__all__ = ["ATR_BARS", "WorthSettings"]
