"""The state of one agent, and the announcement of each change to it.

Owns `AgentInfo` and the one function that changes a status. Only the agent's own task writes here
(`agent_task`); everyone may read `info`, which is replaced, never altered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from trading_dashboard.models.agents import AgentInfo, ProbeInfo
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.states import AgentStatus, DataState, Health, Management
from trading_dashboard.orchestrator.failures import Failure
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.transitions import check_transition

Publish = Callable[[EventKind, AgentInfo, dict[str, Any]], object]
WriteLog = Callable[[str, str, str], None]

OF_THE_MOMENT = ("last_health_check", "probe_latency_seconds")
"""What every answer of an agent changes."""

_log = logging.getLogger("trading_dashboard.supervisor")


class AgentState:
    """What is known about one agent; every change is published."""

    def __init__(self, info: AgentInfo, publish: Publish, write_log: WriteLog) -> None:
        """Start from `info`. `write_log` takes agent, level and text."""
        self.info = info
        self.moment: Mapping[str, Any] = {}
        """Fields of `info` that are newer than it: when the agent answered, and how fast."""
        self.data_findings: Callable[[ProbeOutcome], Mapping[str, Any]] = _as_reported
        """Returns the fields that tell of the agent's data; a rule may judge it."""
        self.data_now: Callable[[], Mapping[str, Any]] = dict
        """Returns those of them that are another now than at the last answer."""
        self._publish = publish
        self._write_log = write_log

    def transition(self, target: AgentStatus, reason: str, **changes: Any) -> None:
        """Change the status: the one place, the one log line, the one event.

        Raises:
            InvalidTransition: The table does not allow it.
        """
        source = self.info.status
        check_transition(self.info.name, source, target)
        self._replace({"status": target, **changes})
        pid = self.info.pid
        _log.info("%s: %s -> %s (%s), pid %s", self.info.name, source, target, reason, pid)
        level = "error" if target is AgentStatus.ERROR else "info"
        self._write_log(self.info.name, level, f"{source} -> {target}: {reason}")
        self.publish(
            EventKind.TRANSITION, **{"from": source, "to": target, "reason": reason, "pid": pid}
        )

    def fail(self, target: AgentStatus, failure: Failure, **changes: Any) -> None:
        """Change the status because of a failure, which is shown until the next success."""
        self.transition(
            target,
            failure.short,
            error_message=failure.message,
            error_code=failure.code,
            waiting_for=(),
            **changes,
        )

    def succeed(self, outcome: ProbeOutcome, reason: str, **changes: Any) -> None:
        """The process runs and answers."""
        self.transition(
            AgentStatus.RUNNING,
            reason,
            error_message=None,
            error_code=None,
            **{**self._findings(outcome), **changes},
        )
        self._tell_first(outcome)

    def adopt(self, pid: int | None, outcome: ProbeOutcome) -> None:
        """Take a healthy process that someone else runs for the agent's."""
        self.update(
            generation=self.info.generation + 1,
            management=Management.EXTERNAL,
            pid=pid,
            **self._findings(outcome),
        )
        self.transition(
            AgentStatus.RUNNING,
            "adopted: someone else runs it",
            error_message=None,
            error_code=None,
        )
        self._tell_first(outcome)

    def back_off(self, failure: Failure, delay_seconds: float) -> None:
        """Fail, to start again in `delay_seconds`."""
        retry_at = datetime.now(UTC) + timedelta(seconds=delay_seconds)
        self.fail(AgentStatus.BACKOFF, failure, next_retry_at=retry_at)
        self.publish(
            EventKind.RESTART_SCHEDULED,
            delay_seconds=round(delay_seconds, 3),
            attempt=self.info.restarts + 1,
            reason=failure.short,
        )

    def update(self, **changes: Any) -> None:
        """Change anything but the status."""
        if "started_at" in changes:  # the wall clock is for people; it may be set at any time
            has_process = changes["started_at"] is not None
            changes["started_monotonic"] = time.monotonic() if has_process else None
        self._replace(changes)
        self.publish(EventKind.AGENT_CHANGED)

    def note(self, outcome: ProbeOutcome, **changes: Any) -> None:
        """Take over what a probe found, and announce a change of health or data."""
        before, found = self.info, self._findings(outcome)
        self.moment = {name: found.pop(name) for name in OF_THE_MOMENT}
        if not changes and all(getattr(before, name) == found[name] for name in found):
            # Most answers say what the last one said; the state is not copied for those.
            self.publish(EventKind.AGENT_CHANGED)
            return
        self.update(**found, **changes)
        if before.health is not self.info.health:
            self._tell_health(before.health, outcome)
        self._tell_data(before.data_state)

    def note_data(self, **changes: Any) -> None:
        """Change what is known of the agent's data, and announce a new state of it."""
        before = self.info
        self.update(**changes)
        self._tell_data(before.data_state)

    def _tell_first(self, outcome: ProbeOutcome) -> None:
        """Announce what is not well from the start; that it is well needs no word of its own."""
        if self.info.health not in (Health.HEALTHY, Health.UNKNOWN):
            self._tell_health(Health.UNKNOWN, outcome)
        if self.info.data_state is DataState.STALE:
            self._tell_data(DataState.UNKNOWN)

    def _tell_health(self, before: Health, outcome: ProbeOutcome) -> None:
        self.publish(
            EventKind.HEALTH_CHANGED,
            **{"from": before, "to": self.info.health, "message": outcome.message},
        )

    def _tell_data(self, before: DataState) -> None:
        after = self.info
        if before is not after.data_state:
            self.publish(
                EventKind.DATA_STATE_CHANGED,
                **{
                    "from": before,
                    "to": after.data_state,
                    "age_seconds": after.data_age_seconds,
                    "message": after.data_message,
                },
            )

    def forget_process(self, **changes: Any) -> None:
        """Drop what was true of a process that is gone."""
        self.update(
            pid=None,
            process=None,
            started_at=None,
            health=Health.UNKNOWN,
            health_message=None,
            probe_latency_seconds=None,
            data_state=DataState.UNKNOWN,
            data_age_seconds=None,
            data_source=None,
            data_newest_at=None,
            data_message=None,
            version=None,
            cpu_percent=None,
            memory_bytes=None,
            held_restart=None,
            probes=tuple(ProbeInfo(role=p.role, kind=p.kind) for p in self.info.probes),
            **changes,
        )

    def conclude(self) -> None:
        """The supervisor ended, and with it the process: what was true of it no longer is."""
        reason = "the supervisor ended"
        if self.info.status is AgentStatus.STARTING:
            self.transition(AgentStatus.STOPPING, reason)
        if self.info.status not in (AgentStatus.STOPPED, AgentStatus.ERROR):
            self.forget_process(management=Management.MANAGED, waiting_for=(), next_retry_at=None)
            self.transition(AgentStatus.STOPPED, reason)

    def _replace(self, changes: Mapping[str, Any]) -> None:
        self.info = self.info.model_copy(update={**self.moment, **changes})
        self.moment = {}

    def _findings(self, outcome: ProbeOutcome) -> dict[str, Any]:
        return {**findings(outcome), **self.data_findings(outcome)}

    def publish(self, kind: EventKind, /, **data: Any) -> None:
        """Announce something about this agent."""
        self._publish(kind, self.info, data)


def findings(outcome: ProbeOutcome) -> Mapping[str, Any]:
    """Return the fields of `AgentInfo` that a probe tells, but for those of its data."""
    return {
        "last_health_check": datetime.now(UTC),
        "health": outcome.health,
        "health_message": outcome.message,
        "probe_latency_seconds": outcome.latency_seconds if outcome.answered else None,
        "version": outcome.version,
    }


def _as_reported(outcome: ProbeOutcome) -> Mapping[str, Any]:
    data = outcome.data
    return {
        "data_state": data.state if data else DataState.UNKNOWN,
        "data_age_seconds": data.age_seconds if data else None,
        "data_source": data.source if data else None,
    }
