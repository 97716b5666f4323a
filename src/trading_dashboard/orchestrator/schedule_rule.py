"""Starting and stopping an agent by its hours.

Owns what the schedule has last done to one agent, and until when a person's act stands against it.
When the hours are is `market_time.hours`. The wall clock is looked at anew at least every
`CHECK_SECONDS`, so that a boundary missed in sleep, or moved by a set clock, is made up for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from trading_dashboard.config.settings import ScheduleSettings
from trading_dashboard.models.agents import ScheduleInfo
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator.agent_life import AgentLife
from trading_dashboard.orchestrator.market_time.calendars import CalendarUnknown
from trading_dashboard.orchestrator.market_time.hours import (
    Hours,
    calendar_hours,
    cron_hours,
    moment_words,
)
from trading_dashboard.orchestrator.messages import HoursDue, StartRequested, StopRequested
from trading_dashboard.orchestrator.timers import Timer
from trading_dashboard.orchestrator.waiters import new_answer, settle

CHECK_SECONDS = 30.0
REASON = "its hours are over"

_Status = AgentStatus


class ScheduleRule:
    """Keeps one agent to its hours, within its task. Without a schedule it does nothing."""

    def __init__(self, life: AgentLife, start: Callable[[StartRequested], Awaitable[None]]) -> None:
        self._life = life
        self._start = start
        self._timer = Timer(life.inbox.post)
        self._is_in_charge = False
        """The desk, or a person, has started the agent once; a stop for good ends it."""
        self._applied: bool | None = None
        """What was last done, by the schedule or a person: started, stopped, nothing yet."""
        self._by_hand: bool | None = None
        """What a person did while the hours were unknown."""
        self._override_until: float | None = None
        self._overridden: ScheduleSettings | None = None
        """The schedule that was in force when a person acted against it."""

    def begin(self) -> None:
        """Look at the clock from now on."""
        self._life.inbox.post(HoursDue())

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def admits(self, request: StartRequested) -> bool:
        """Return whether a start is carried out now. If not, whoever waits is answered or will be.

        A person's start always is, and stands until the next boundary.
        """
        if not self._life.settings.schedule.is_set:
            return True
        self._is_in_charge = True
        hours = self._hours()
        is_admitted = self._admit(request, hours)
        self._show(hours)
        if not is_admitted:
            self._life.around.tell_dependents()
        return is_admitted

    def note_stop(self, request: StopRequested) -> None:
        """A person stopped the agent: in its hours that stands until they next begin."""
        if request.for_good:
            self._is_in_charge = False
        is_scheduled = self._life.settings.schedule.is_set and self._is_in_charge
        if not is_scheduled or not request.is_by_hand:
            return
        self._act_by_hand(False, self._hours())

    async def on_due(self, _: HoursDue) -> None:
        """Compare the clock with the hours, and act where they differ."""
        if not self._life.settings.schedule.is_set:
            await self._leave()
            return
        hours = self._hours()
        if isinstance(hours, CalendarUnknown):
            if not hours.is_loading and self._applied is None:
                self._life.waiters.settle(False)
            self._show(hours)
            return
        if self._by_hand is not None:
            self._act_by_hand(self._by_hand, hours)
        elif self._is_override_outdated():
            self._act_by_hand(self._applied is True, hours)
        if self._override_until is not None and self._life.around.clock() >= self._override_until:
            self._override_until = self._applied = None
        is_free = self._override_until is None and self._life.info.maintenance is None
        is_due = self._is_in_charge and is_free
        if is_due and self._applied is not hours.is_open:
            await (self._open() if hours.is_open else self._close())
            self._show(hours)
            self._life.around.tell_dependents()  # it may have been idle, or undecided, before
        else:
            self._show(hours)

    def _admit(self, request: StartRequested, hours: Hours | CalendarUnknown) -> bool:
        if not request.is_automatic:
            self._act_by_hand(True, hours)
            return True
        if self._life.info.status not in (_Status.STOPPED, _Status.ERROR):
            return True  # on its way already, perhaps because a person wanted it
        if self._override_until is not None and self._applied:
            return True  # a person wanted it outside its hours, and that still stands
        if isinstance(hours, CalendarUnknown):
            self._applied = None
            if hours.is_loading:
                self._life.waiters.add(request)
            else:
                settle(request.done, False)
            return False
        if hours.is_open:
            self._applied, self._override_until = True, None
            return True
        self._applied = self._override_until = None  # `on_due` leaves it idle, and not red
        self._life.inbox.decide(False)
        self._life.inbox.post(HoursDue())
        settle(request.done, False)
        return False

    def _act_by_hand(self, is_start: bool, hours: Hours | CalendarUnknown) -> None:
        self._applied = is_start
        self._override_until = self._by_hand = None
        self._overridden = self._life.settings.schedule
        if isinstance(hours, CalendarUnknown):
            self._by_hand = is_start
        elif hours.is_open is not is_start:
            self._override_until = hours.next_start
        self._show(hours)

    def _is_override_outdated(self) -> bool:
        """Return whether the hours against which a person acted are not those of now."""
        is_other = self._overridden != self._life.settings.schedule
        return self._override_until is not None and is_other

    async def _leave(self) -> None:
        """The configuration gives the agent no hours any more: what was only idle starts."""
        was_idle = self._life.info.is_idle
        if self._life.info.schedule is not None:
            self._life.state.update(schedule=None)
            self._override_until = self._by_hand = None
        if was_idle and self._is_in_charge:
            await self._open()

    async def _open(self) -> None:
        self._applied = True
        self._life.inbox.decide(True)
        await self._start(
            StartRequested(
                done=new_answer(),
                wait_for_health=False,
                forgive=True,
                is_automatic=True,
                reason="its hours have begun",
            )
        )

    async def _close(self) -> None:
        self._applied = False
        self._life.waiters.settle(False)
        if self._life.info.management is Management.EXTERNAL:
            return  # not ours to stop
        self._life.inbox.decide(False)
        await self._life.stop(self._life.settings.stop_timeout, REASON)
        if self._life.info.error_code is not None:
            self._life.state.update(error_message=None, error_code=None)

    def _hours(self) -> Hours | CalendarUnknown:
        schedule, now = self._life.settings.schedule, self._life.around.clock()
        if schedule.calendar is None:
            return cron_hours(schedule, now)
        sessions = self._life.around.calendars.find(schedule.calendar, self.begin)
        if isinstance(sessions, CalendarUnknown):
            return sessions
        return calendar_hours(schedule, sessions, now)

    # What is shown.

    def _show(self, hours: Hours | CalendarUnknown) -> None:
        """Show the hours, and look again when they change, or soon."""
        now = self._life.around.clock()
        shown = self._describe(hours, now)
        if shown != self._life.info.schedule:
            self._life.state.update(schedule=shown)
        coming = [CHECK_SECONDS]
        if isinstance(hours, Hours):
            moments = (hours.next_start, hours.next_stop, self._override_until)
            coming += [moment - now for moment in moments if moment is not None]
        # The loop's clock may be a little ahead of the wall's: never in a circle.
        self._timer.post_after(max(min(coming), 0.05), HoursDue())

    def _describe(self, hours: Hours | CalendarUnknown, now: float) -> ScheduleInfo:
        if isinstance(hours, CalendarUnknown):
            return ScheduleInfo(is_open=False, text=f"its hours are unknown: {hours.reason}")
        return ScheduleInfo(
            is_open=hours.is_open,
            next_start_at=_moment(hours.next_start),
            next_stop_at=_moment(hours.next_stop),
            overridden_until=_moment(self._override_until),
            text=self._words(hours, now),
        )

    def _words(self, hours: Hours, now: float) -> str:
        starts = moment_words(hours.next_start, now) if hours.next_start else "nobody knows when"
        if not self._is_in_charge:
            return f"not started; its next hours begin {starts}"
        if self._override_until is not None:
            until = moment_words(self._override_until, now)
            if self._applied:
                return f"started by hand; its hours begin {until}"
            return f"stopped by hand until {until}"
        if not hours.is_open:
            return f"idle until {starts}"
        return f"runs until {moment_words(hours.next_stop, now)}" if hours.next_stop else "runs on"


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
