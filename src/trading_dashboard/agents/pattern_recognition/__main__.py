"""``python -m trading_dashboard.agents.pattern_recognition --port 8001``."""

from __future__ import annotations

from trading_dashboard.agents.kit import run_agent
from trading_dashboard.agents.pattern_recognition.assembly import DEFAULT_PORT, NAME, build


def main() -> int:
    """Run the agent; return its exit code."""
    return run_agent(NAME, build, default_port=DEFAULT_PORT)


if __name__ == "__main__":
    raise SystemExit(main())
