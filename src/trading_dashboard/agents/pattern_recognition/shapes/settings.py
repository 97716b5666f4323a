"""Thresholds of the chart patterns: a section of the agent's settings."""

from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings

__all__ = ["ShapeSettings"]
