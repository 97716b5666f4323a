"""Incidents: from the first bad moment of an agent to when it was well again. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from trading_dashboard.models.events import EventKind
from trading_dashboard.models.history import Incident, IncidentKind, IncidentOutcome
from trading_dashboard.models.states import AgentStatus, Health
from trading_dashboard.orchestrator.history.records import SECOND, moment
from trading_dashboard.orchestrator.history.timelines import (
    Moment,
    Spell,
    SupervisorRun,
    Timeline,
    spells,
)
from trading_dashboard.orchestrator.market_time.freshness import in_words

SUPERVISOR = "supervisor"
_SEVERITY = {kind: rank for rank, kind in enumerate(IncidentKind)}
_TELLING = frozenset({EventKind.HEALTH_CHANGED, EventKind.DATA_STATE_CHANGED})
_MILD = frozenset({IncidentKind.STALE, IncidentKind.DEGRADED})
_ILL = {IncidentKind.DEGRADED: Health.DEGRADED, IncidentKind.UNHEALTHY: Health.UNHEALTHY}


@dataclass(slots=True)
class _Open:
    """An incident that has not ended."""

    first: Moment
    telling: Moment
    """The one that says why; a failure is put in words only once its process tree is ended."""
    began: int
    kind: IncidentKind
    restarts: int = 0

    @property
    def is_mild(self) -> bool:
        """Return whether the agent runs."""
        return self.kind is not IncidentKind.FAILED

    def worsen(self, moment: Moment, bad: IncidentKind) -> None:
        """Take in what goes on; an agent that was only degraded may fail for another reason."""
        is_other = self.kind in _MILD and bad not in _MILD
        is_mute = self.telling.kind == EventKind.TRANSITION and moment.kind in _TELLING
        if is_other or self.telling.status == AgentStatus.STOPPING or (is_mute and self.is_mild):
            self.telling = moment
        self.kind = max(self.kind, bad, key=_SEVERITY.__getitem__)

    def close(self, timeline: Timeline, ended: int, outcome: IncidentOutcome) -> Incident:
        is_over = outcome is not IncidentOutcome.ONGOING
        return Incident(
            agent=timeline.agent,
            run_id=timeline.run.run_id,
            kind=self.kind,
            cause=_cause(self.telling, self.kind),
            began_at=moment(self.began),
            ended_at=moment(ended) if is_over else None,
            duration_seconds=(ended - self.began) / SECOND,
            outcome=outcome,
            restarts=self.restarts,
            event_id=self.first.id,
        )


def incidents_of(timeline: Timeline) -> Iterator[Incident]:
    """Yield an agent's incidents in one run, in order.

    It begins when the agent fails, is unhealthy or degraded, or its data is stale, and ends when it
    runs without any of these, is stopped on request, or maintenance begins. Starting neither begins
    nor ends one, and in maintenance none begins.
    """
    current: _Open | None = None
    heard: Moment | None = None
    for spell in spells(timeline):
        heard = spell.moment if spell.moment.kind == EventKind.HEALTH_CHANGED else heard
        bad = _what_is_bad(spell)
        if bad is not None:
            if current is None:
                telling = _who_tells(spell.moment, bad, heard)
                current = _Open(spell.moment, telling, spell.began, bad)
            current.worsen(spell.moment, bad)
            current.restarts += spell.moment.kind == EventKind.RESTART_SCHEDULED
        elif current is not None and spell.is_an_end:
            ran = spell.is_running and not spell.is_in_maintenance
            outcome = IncidentOutcome.RECOVERED if ran else IncidentOutcome.STOPPED
            yield current.close(timeline, spell.began, outcome)
            current = None
    if current is not None:
        is_current = timeline.run.is_current
        outcome = IncidentOutcome.ONGOING if is_current else IncidentOutcome.SUPERVISOR_ENDED
        yield current.close(timeline, timeline.run.ended, outcome)


def incident_of_killed(run: SupervisorRun, next_started: int | None, now: int = 0) -> Incident:
    """Return the incident of a supervisor that did not end in order.

    It goes on until the next one starts; where none has (`next_started` is None), until `now`.
    """
    is_over = next_started is not None
    ended = max(run.ended, now if next_started is None else next_started)
    return Incident(
        agent=SUPERVISOR,
        run_id=run.run_id,
        kind=IncidentKind.FAILED,
        cause="it was killed, or the machine went down; this is when it was last seen",
        began_at=moment(run.ended),
        ended_at=moment(ended) if is_over else None,
        duration_seconds=(ended - run.ended) / SECOND,
        outcome=IncidentOutcome.RECOVERED if is_over else IncidentOutcome.ONGOING,
    )


def _who_tells(moment: Moment, bad: IncidentKind, heard: Moment | None) -> Moment:
    """Return the moment that says why: as maintenance ends, the agent may long have been ill."""
    is_known = heard is not None and heard.health == _ILL.get(bad)
    return heard if heard is not None and is_known else moment


def _what_is_bad(spell: Spell) -> IncidentKind | None:
    if spell.is_in_maintenance:
        return None
    if spell.fails:
        return IncidentKind.FAILED
    if not spell.is_running:
        return None
    if not spell.is_available:
        return IncidentKind.UNHEALTHY
    if spell.moment.health == Health.DEGRADED:
        return IncidentKind.DEGRADED
    return IncidentKind.STALE if spell.is_stale else None


def _cause(telling: Moment, kind: IncidentKind) -> str:
    try:
        data = json.loads(telling.data)
    except ValueError:
        data = {}
    if telling.kind == EventKind.HEALTH_CHANGED and data.get("message"):
        return str(data["message"])
    if telling.kind == EventKind.DATA_STATE_CHANGED and data.get("age_seconds") is not None:
        return f"its newest datum was {in_words(float(data['age_seconds']))} old in market time"
    if kind is IncidentKind.FAILED and data.get("reason"):
        return str(data["reason"])
    return f"it was {telling.health if kind is not IncidentKind.STALE else kind.value}"
