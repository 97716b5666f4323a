"""Market time between two words of the market data agent.

Owns what time it is in the market, and how much open time has passed: ages of prices are counted in
it, so that closed hours, a paused replay and a replay's speed mean what they should.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from trading_dashboard.models.market import ClockState, MarketPhase


class MarketTime:
    """The market clock, read from what was last said of it. Pass monotonic seconds in."""

    def __init__(self) -> None:
        self.state: ClockState | None = None
        """As last said."""
        self._said_at = 0.0
        self._open_seconds = 0.0

    def take(self, state: ClockState, monotonic: float) -> None:
        """Take what the clock says now."""
        before = self.state
        if before is not None:
            self._open_seconds = self._counted(before, state, self.open_seconds(monotonic))
        self.state, self._said_at = state, monotonic

    def forget(self) -> None:
        """Forget what was said: the next word is not compared with it."""
        self.state = None

    def now(self, monotonic: float) -> datetime | None:
        """Return market time, None while nothing was said. Never past the session's close."""
        state = self.state
        if state is None:
            return None
        passed = timedelta(seconds=self._passed(monotonic))
        close = state.next_close
        if passed and close is not None and state.now <= close < state.now + passed:
            return close
        return state.now + passed

    def open_seconds(self, monotonic: float) -> float:
        """Return how many seconds of open market have passed since the start; never less."""
        return self._open_seconds + self._passed(monotonic)

    def _passed(self, monotonic: float) -> float:
        """Return the open seconds since the last word; none while the clock stands or is shut."""
        state = self.state
        is_moving = state is not None and not (state.paused or state.finished)
        if state is None or not is_moving or state.market is not MarketPhase.OPEN:
            return 0.0
        seconds = max(monotonic - self._said_at, 0.0) * state.speed
        if state.next_close is not None and not state.replay:
            # A replay goes on with the next open at once; a real market is shut until then.
            seconds = min(seconds, max((state.next_close - state.now).total_seconds(), 0.0))
        return seconds

    def _counted(self, before: ClockState, after: ClockState, guessed: float) -> float:
        """Return the open seconds at a new word: as the clock says, where it can be told by it."""
        is_same = before.session == after.session and before.market is MarketPhase.OPEN
        if is_same and after.market is MarketPhase.OPEN and after.now >= before.now:
            return self._open_seconds + (after.now - before.now).total_seconds()
        return guessed
