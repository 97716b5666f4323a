"""``python -m trading_dashboard.agents.risk_management --port 8002``."""

from __future__ import annotations

import os

# Vectors here are short: threads of the linear algebra library would cost more than they bring.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from trading_dashboard.agents.kit import run_agent
from trading_dashboard.agents.risk_management.assembly import DEFAULT_PORT, NAME, build


def main() -> int:
    """Run the agent; return its exit code."""
    return run_agent(NAME, build, default_port=DEFAULT_PORT)


if __name__ == "__main__":
    raise SystemExit(main())
