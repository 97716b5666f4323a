"""What an agent's data reports mean: shown, announced, and restarted for where so configured.

Owns the newest report of one agent and the moment from which staleness may restart it. The
judgement itself is `market_time.freshness`. Judged at each probe, also at one that fails: between
two probes nobody knows whether newer data came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import AgentStatus, DataState, Health, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.market_time.calendars import CalendarUnknown
from trading_dashboard.orchestrator.market_time.freshness import Freshness, judge
from trading_dashboard.orchestrator.market_time.sessions import Sessions
from trading_dashboard.orchestrator.messages import ProbeFinished
from trading_dashboard.orchestrator.probes import ProbeOutcome

DATA_STALE = "data_stale"
DEFAULT_GRACE_SECONDS = 60.0
"""How long an agent without a limit runs before its own word `stale` may restart it."""


class FreshnessRule:
    """Judges one agent's data, within its task."""

    def __init__(self, life: AgentLife) -> None:
        self._life = life
        self._report: DataReport | None = None
        self._received = 0.0
        self._generation = 0
        self._running_since: float | None = None
        """Wall clock; when the current process was first seen running."""
        life.state.data_findings = self.findings

    def findings(self, outcome: ProbeOutcome) -> Mapping[str, Any]:
        """Return the fields of `AgentInfo` that tell of the agent's data after a probe."""
        now = self._life.around.clock()
        self._forget_older()
        if outcome.ok or outcome.data is not None:
            self._report, self._received = outcome.data, now
        found = self._judge(now)
        is_silent = not outcome.ok and outcome.data is None
        if is_silent and found.state in (DataState.FRESH, DataState.IDLE):
            found = Freshness(DataState.UNKNOWN, found.age_seconds, found.newest_at)
        return {
            "data_state": found.state,
            "data_age_seconds": found.age_seconds,
            "data_newest_at": found.newest_at,
            "data_message": found.message,
            "data_source": self._report.source if self._report else None,
            "data_allowed_age_seconds": self._life.settings.data.max_age_seconds,
        }

    async def on_probe(self, message: ProbeFinished) -> None:
        """Let the age grow at a failed probe, and restart the agent if that is due."""
        info, outcome = self._life.info, message.outcome
        is_current = message.generation == info.generation and not outcome.suspended
        if not is_current or info.status is not AgentStatus.RUNNING:
            return
        now = self._life.around.clock()
        self._forget_older()
        if self._running_since is None:
            self._running_since = now
        if not outcome.ok and info.health is not Health.UNHEALTHY and self._report is not None:
            self._grow_older(now)
        if self._is_to_restart(now):
            failure = failures.data_stale(
                self._life.settings.name, self._life.info.data_message or "its data is stale"
            )
            await self._life.restart_when_allowed(failure)
        else:
            self._life.gate.withdraw(DATA_STALE)

    def _grow_older(self, now: float) -> None:
        found = self._judge(now)
        self._life.state.note_data(
            data_state=found.state,
            data_age_seconds=found.age_seconds,
            data_message=found.message,
        )

    def _judge(self, now: float) -> Freshness:
        settings = self._life.settings.data
        sessions = self._sessions()
        if self._report is None:
            is_due = settings.calendar is not None or settings.max_age_seconds is not None
            return Freshness(
                DataState.UNKNOWN,
                message="its health tells nothing of its data" if is_due else None,
            )
        if isinstance(sessions, CalendarUnknown):
            is_stale = self._report.state is DataState.STALE
            state = DataState.STALE if is_stale else DataState.UNKNOWN
            return Freshness(state, message=sessions.reason)
        return judge(self._report, min(self._received, now), now, settings, sessions)

    def _is_to_restart(self, now: float) -> bool:
        settings, info = self._life.settings.data, self._life.info
        if settings.when_stale != "restart" or info.data_state is not DataState.STALE:
            return False
        if info.management is Management.EXTERNAL or self._running_since is None:
            return False
        sessions = self._sessions()
        if isinstance(sessions, CalendarUnknown):
            return False
        # A new process needs time for new data, and gets none while the market is closed.
        had = now - self._running_since
        if sessions is not None:
            had = sessions.market_seconds(self._running_since, now)
        return had > (settings.max_age_seconds or DEFAULT_GRACE_SECONDS)

    def _sessions(self) -> Sessions | CalendarUnknown | None:
        name = self._life.settings.data.calendar
        # Nobody need be told when it is known: the next probe asks again.
        return self._life.around.calendars.find(name, _nothing) if name else None

    def _forget_older(self) -> None:
        """Drop what an earlier process reported."""
        if self._generation != self._life.info.generation:
            self._generation = self._life.info.generation
            self._report = self._running_since = None


def _nothing() -> None:
    """Do nothing."""
