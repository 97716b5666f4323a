"""Computing a calendar's sessions in a short-lived process of its own.

Owns that process: its deadline, its bounds and its end, also when nobody waits any more. The
calendar library and pandas never enter the supervisor: 80 MB and a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

from trading_dashboard.orchestrator.market_time.calendar_files import Rows

DEADLINE_SECONDS = 60.0
MAX_REASON_CHARACTERS = 200

_SCRIPT = Path(__file__).with_name("calendar_export.py")


class CalendarFailed(Exception):
    """The sessions could not be computed; the text says why, in a clause."""


async def compute_in_child(
    name: str, first: str, script: Path = _SCRIPT, deadline_seconds: float = DEADLINE_SECONDS
) -> Rows:
    """Return a calendar's sessions as rows, from the first day on.

    Raises:
        CalendarFailed: The process failed, hung or said something else.
    """
    # By its path and without its folder on the module path: it needs nothing of ours.
    child = _Child([sys.executable, "-P", str(script), name, first])
    try:
        code, output, words = await asyncio.to_thread(child.run, deadline_seconds)
    finally:
        child.end()
    if code:
        raise CalendarFailed(
            (words.strip() or f"exit code {code}").splitlines()[-1][:MAX_REASON_CHARACTERS]
        )
    try:
        rows = json.loads(output)
    except ValueError as error:
        raise CalendarFailed("the calendar process answered with something else") from error
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == 4 for row in rows
    ):
        raise CalendarFailed("the calendar process answered with something else")
    return rows


class _Child:
    """One process, run in a thread and ended from any other."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_over = False

    def run(self, deadline_seconds: float) -> tuple[int, str, str]:
        """Return its exit code and what it wrote. Raises `CalendarFailed`."""
        with self._lock:
            if self._is_over:
                raise CalendarFailed("the supervisor ends")
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            except OSError as error:
                raise CalendarFailed(f"its process could not be started: {error}") from error
        with self._process as process:
            try:
                output, words = process.communicate(timeout=deadline_seconds)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise CalendarFailed(f"no answer within {deadline_seconds:g} s") from error
            return process.returncode, output, words

    def end(self) -> None:
        """Kill it if it still runs, and never start it later."""
        with self._lock:
            self._is_over = True
            process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
