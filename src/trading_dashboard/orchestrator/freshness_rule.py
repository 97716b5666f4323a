"""What an agent's data reports mean: shown, announced, and restarted for where so configured.

Owns the newest report of one agent and the moment from which staleness may restart it. The
judgement itself is `market_time.freshness`. Judged at each probe, also at one that fails: between
two probes nobody knows whether newer data came. Whoever looks in between is told the age as of
then, and that it is unknown once the last answer is too old to tell.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from trading_dashboard.models.health import DataReport
from trading_dashboard.models.states import AgentStatus, DataState, Health, Management
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.market_time.calendars import CalendarUnknown
from trading_dashboard.orchestrator.market_time.freshness import Freshness, in_words, judge
from trading_dashboard.orchestrator.market_time.sessions import Sessions
from trading_dashboard.orchestrator.messages import ProbeFinished
from trading_dashboard.orchestrator.probe_plans import plans_for, readiness_of
from trading_dashboard.orchestrator.probes import ProbeOutcome

DATA_STALE = "data_stale"
DEFAULT_GRACE_SECONDS = 60.0
"""How long an agent without a limit runs before its own word `stale` may restart it."""
LATE_SHARE = 0.15
"""Of its interval, how late a probe may come: its moment wanders (`ProbeSchedule`)."""
ANSWER_SECONDS = 2.0
"""How long an answer may take before nobody knows any more, if the probe's deadline is later."""
_GOOD = (DataState.FRESH, DataState.IDLE)


class FreshnessRule:
    """Judges one agent's data, within its task."""

    def __init__(self, life: AgentLife) -> None:
        self._life = life
        self._report: DataReport | None = None
        self._received = 0.0
        self._received_monotonic = 0.0
        self._is_silent = False
        """It was found not to answer, often enough in a row."""
        self._generation = 0
        self._running_since: float | None = None
        """Wall clock; when the current process was first seen running."""
        life.state.data_findings = self.findings
        life.state.data_now = self.as_of_now

    def findings(self, outcome: ProbeOutcome) -> Mapping[str, Any]:
        """Return the fields of `AgentInfo` that tell of the agent's data after a probe."""
        now = self._life.around.clock()
        self._forget_older()
        if outcome.ok or outcome.data is not None:
            self._report, self._received = outcome.data, now
            self._received_monotonic = time.monotonic()
        found = self._judge(now)
        self._is_silent = not outcome.ok and outcome.data is None
        if self._is_silent and found.state in _GOOD:
            found = Freshness(DataState.UNKNOWN, found.age_seconds, found.newest_at)
        return {
            "data_state": found.state,
            "data_age_seconds": found.age_seconds,
            "data_newest_at": found.newest_at,
            "data_message": found.message,
            "data_source": self._report.source if self._report else None,
            "data_allowed_age_seconds": self._life.settings.data.max_age_seconds,
        }

    def as_of_now(self) -> Mapping[str, Any]:
        """Return the fields of `AgentInfo` that tell of the agent's data, for who looks now.

        Nothing is announced: an answer that comes late makes no event.
        """
        info = self._life.info
        is_forgotten = info.data_state is DataState.UNKNOWN and info.data_age_seconds is None
        if info.status is not AgentStatus.RUNNING and is_forgotten:
            return {}
        if self._report is None or self._generation != info.generation:
            return {}
        now = self._life.around.clock()
        found = self._judge(now)
        if found.state is DataState.UNKNOWN:  # by the agent's own word: that does not grow old
            return {"data_state": found.state, "data_message": found.message}
        ago = self._told_seconds_ago(now)
        holds = self._holds_seconds()
        then, soon = self._judge(self._received), self._judge(now + 1.0)
        # Found stale since the last answer, it may have newer data by now: the next answer tells.
        is_in_doubt = (
            ago > holds or self._is_silent
            if found.state in _GOOD
            else info.data_state is not DataState.STALE
        )
        state = DataState.UNKNOWN if is_in_doubt else found.state
        message = _not_heard(ago, then.age_seconds) if is_in_doubt else found.message
        return {
            "data_state": state,
            "data_age_seconds": found.age_seconds,
            "data_is_ageing": (soon.age_seconds or 0.0) > (found.age_seconds or 0.0),
            "data_told_age_seconds": then.age_seconds,
            "data_told_seconds_ago": ago,
            "data_holds_seconds": holds,
            "data_newest_at": found.newest_at,
            "data_message": message,
        }

    def review(self) -> None:
        """Other settings count: what is only reported restarts nothing."""
        if self._life.settings.data.when_stale != "restart":
            self._life.gate.withdraw(DATA_STALE)

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

    def _told_seconds_ago(self, now: float) -> float:
        # By both clocks: one may be set back meanwhile, the other stands still in suspend.
        return max(now - self._received, time.monotonic() - self._received_monotonic, 0.0)

    def _holds_seconds(self) -> float:
        plan = readiness_of(self._life.probes.plans or plans_for(self._life.settings))
        late = plan.interval_seconds * (1 + LATE_SHARE)
        return late + min(plan.timeout_seconds, ANSWER_SECONDS)

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


def _not_heard(ago: float, age: float | None) -> str:
    """Return that what was told is too old to tell anything."""
    known = "" if age is None else f"; it was {in_words(age)} old then"
    return f"the agent last told of its data {in_words(ago)} ago{known}"


def _nothing() -> None:
    """Do nothing."""
