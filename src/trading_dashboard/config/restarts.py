"""Rules about when an agent may be restarted that types and bounds do not say."""

from __future__ import annotations

from collections.abc import Iterator

from trading_dashboard.config.origins import Branch, KeyPath, mistake_at
from trading_dashboard.config.settings import RestartSettings
from trading_dashboard.models.errors import Mistake

MAX_EXIT_CODE = 255


def check_restart(tree: Branch, path: KeyPath, restart: RestartSettings) -> Iterator[Mistake]:
    """Yield what is wrong with an agent's `restart`."""
    for index, code in enumerate(restart.final_exit_codes):
        if not 0 <= code <= MAX_EXIT_CODE:
            where = (*path, "final_exit_codes", index)
            remedy = f"Use 0 to {MAX_EXIT_CODE}."
            yield mistake_at(tree, where, "is no exit code a process can have.", remedy)
