"""The strip on top of every page: gate, market clock, data, agents, connection."""

from __future__ import annotations

from trading_dashboard.dashboard.components.registration import declare

_mount = declare("status_strip")


def status_strip(run: int) -> None:
    """Place the strip. It goes before `navigation.run()`, so it survives page changes.

    Args:
        run: Number of this script run in the session; shown in the DOM for tests and benchmarks.
    """
    _mount(key="status_strip", data={"run": run})
