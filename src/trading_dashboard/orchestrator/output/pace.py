"""How much of the interpreter one thread takes.

Owns the rests of a thread that would never wait by itself. The interpreter is one for all threads,
and who works without a pause keeps the event loop waiting at each of its steps.
"""

from __future__ import annotations

import time

WORK_SECONDS = 0.003
"""So much is done in one go. Shorter than the 5 ms after which a thread is made to let go."""
REST_SHARE = 0.5
"""Of the time it worked."""
MAX_REST_SECONDS = 0.01


class Pace:
    """Has the thread that calls it rest half as long as it worked."""

    def __init__(self) -> None:
        self._worked_before = 0.0

    def begin(self) -> None:
        """Count from now on, on the thread that calls."""
        self._worked_before = time.thread_time()

    def rest(self) -> None:
        """Wait, if enough was done since the last rest."""
        worked = time.thread_time() - self._worked_before
        if worked >= WORK_SECONDS:
            time.sleep(min(worked * REST_SHARE, MAX_REST_SECONDS))
            self._worked_before += worked
