"""What rich draws on a terminal again and again, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO, cast

from trading_dashboard.cli.terminal import Terminal

if TYPE_CHECKING:
    from rich.live import Live


def live_on(terminal: Terminal) -> Live:
    """Return a started drawing on a terminal. It is drawn when it is updated, never by itself."""
    from rich.console import Console
    from rich.live import Live

    # Of a file rich asks what `Terminal` has: write, flush, isatty and encoding.
    file = cast("TextIO", terminal)
    console = Console(file=file, force_terminal=True, highlight=False, markup=False)
    live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    live.start()
    return live
