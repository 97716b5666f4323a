"""``python -m trading_dashboard.cli``."""

from __future__ import annotations

from trading_dashboard.cli.main import main

if __name__ == "__main__":
    main()
