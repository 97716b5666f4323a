"""The gate's state: why it is closed, latched until a person reopens it.

Pure: time is passed in, nothing is written. What is to be journalled is collected (`take_changes`);
closing takes effect at once and never waits for it. Reopening is the other way round: asked for,
journalled, and only then in force (`ask_reopening`, `reopen`).

    construction ──> HALTED (starting) ──restore, end_start──> what the memory says
    ACTIVE ──cause──> REDUCING or HALTED ──cause──> HALTED
    REDUCING, HALTED ──reopen, no cause lasts, none came since the person looked──> ACTIVE
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_dashboard.agents.risk_management.gate.causes import (
    CLOSES_TO,
    GateChange,
    new_cause,
    strictest,
)
from trading_dashboard.agents.risk_management.gate.memory import (
    KEY,
    MAX_CAUSES,
    GateMemory,
    newest_memory,
)
from trading_dashboard.models.risk.account import JournalEntry, JournalKind
from trading_dashboard.models.risk.errors import ReopeningRefused
from trading_dashboard.models.risk.gate import CauseKind, GateCause, GateState, GateStatus

ACTOR = "gate"
SEQ_STEP = 1_000_000
"""Numbers of one life begin at a multiple: those of another are never taken for its own."""
QUIET_SECONDS = 60.0
"""A cause that comes and goes is journalled no more often than this; it is latched anyway."""

_Key = tuple[CauseKind, str]
_OPENING = (CauseKind.STARTING, "gate")


@dataclass(frozen=True, slots=True)
class Reopening:
    """What a person asked for, to be journalled before it is in force."""

    change: GateChange
    arrival: int
    """Number of the newest cause's coming when it was asked."""


class Gate:
    """Whether trading is allowed. It is not, at construction."""

    def __init__(self, at: datetime) -> None:
        """Begin closed.

        Args:
            at: The wall clock.
        """
        self._causes: dict[_Key, GateCause] = {}
        self._told: dict[_Key, datetime] = {}
        self._changes: list[GateChange] = []
        self._is_restored = False
        self._seq = 0
        self._arrival = 0
        self._since = at
        self._state = GateState.HALTED
        self._put(_OPENING, new_cause(*_OPENING, "Not all is known yet.", at, None))

    # Life.

    def restore(
        self, entries: Iterable[JournalEntry], at: datetime, market_time: datetime | None = None
    ) -> None:
        """Take over what the journal remembers; without a sound memory the gate stays halted.

        What a watch can see counts as lasting until it has looked.

        Args:
            entries: The gate's entries, all or the newest; of others nothing is taken.
            at: The wall clock.
            market_time: The market clock, if known.
        """
        memory = newest_memory(entries)
        self._is_restored = True
        if isinstance(memory, str):
            message = f"The gate cannot tell whether it was open: {memory}."
            self.close(CauseKind.OWN_DOUBT, "record", message, at, market_time, lasts=False)
            return
        self._seq = max(self._seq, (memory.seq // SEQ_STEP + 1) * SEQ_STEP)
        for cause in memory.causes:
            lasts = cause.kind not in (CauseKind.KILL_SWITCH, CauseKind.OWN_DOUBT)
            key = (cause.kind, cause.subject)
            self._put(key, cause.model_copy(update={"lasts": lasts, "ended_at": None}))
        self._arrival = self._seq

    def say_awaited(self, message: str, at: datetime) -> None:
        """Say what the start waits for."""
        cause = self._causes.get(_OPENING)
        if cause is not None and cause.message != message:
            self._put(_OPENING, cause.model_copy(update={"message": message}), at)

    def end_start(self, at: datetime) -> bool:
        """All is known: from now on what the journal remembered holds.

        Returns:
            False if nothing was restored; then it stays closed.
        """
        if not self._is_restored:
            return False
        if self._causes.pop(_OPENING, None) is not None:
            self._settle(at)
        return True

    # Closing.

    def close(
        self,
        kind: CauseKind,
        subject: str,
        message: str,
        at: datetime,
        market_time: datetime | None = None,
        *,
        lasts: bool = True,
    ) -> None:
        """Let a cause come, or come again. In force on return.

        Args:
            kind: What kind of cause.
            subject: What it is about; with `kind` it is known by it.
            message: What was observed, in words.
            at: The wall clock.
            market_time: The market clock, if known.
            lasts: It holds until `end` is called, else it has come and gone.
        """
        self._arrive(kind, {subject: message}, at, market_time, lasts=lasts)

    def kill(
        self, reason: str, actor: str, at: datetime, market_time: datetime | None = None
    ) -> None:
        """Halt because a person says so. In force on return."""
        key = (CauseKind.KILL_SWITCH, "desk")
        self._come(key, f"Halted by {actor}: {reason}", at, market_time, lasts=False)
        self._note(JournalKind.KILL_SWITCH, key, market_time, actor=actor, reason=reason)

    def observe(
        self,
        kind: CauseKind,
        faults: Mapping[str, str],
        at: datetime,
        market_time: datetime | None = None,
    ) -> None:
        """Take what a watch sees now of one kind: what is not among `faults` has ended.

        Args:
            kind: The watch's kind.
            faults: Messages by subject; all there are.
            at: The wall clock.
            market_time: The market clock, if known.
        """
        if faults:
            self._arrive(kind, faults, at, market_time, lasts=True)
        over = [
            key
            for key, cause in self._causes.items()
            if key[0] is kind and cause.lasts and key[1] not in faults
        ]
        if over:
            self._end(over, at, market_time)

    # Reopening.

    def ask_reopening(
        self,
        reason: str,
        actor: str,
        seen_seq: int | None,
        market_time: datetime | None = None,
    ) -> Reopening:
        """Return what is to be journalled before `reopen` may be called; changes nothing.

        Args:
            reason: Why, in the person's words.
            actor: Who.
            seen_seq: `seq` of the status the person looked at.
            market_time: The market clock, if known.

        Raises:
            ReopeningRefused: A cause lasts, one has come since, or it is open.
        """
        if not self._causes:
            raise ReopeningRefused(
                "The gate is open already.", observed=self._state.value, next_step="Trade."
            )
        self._refuse_lasting()
        if seen_seq is not None and not self._arrival <= seen_seq <= self._seq:
            raise ReopeningRefused(
                "The gate has changed since it was looked at.",
                observed=f"seen as of {seen_seq}, now {self._seq}",
                next_step="Look at its causes again, then reopen.",
                details=self._details(self._causes.values()),
            )
        memory = GateMemory(state=GateState.ACTIVE, seq=self._seq + 1, causes=[])
        cleared = [cause.model_dump(mode="json") for cause in self._causes.values()]
        data = {"cleared": cleared, KEY: memory.model_dump(mode="json")}
        change = GateChange(
            kind=JournalKind.GATE_REOPENED, actor=actor, reason=reason, at=market_time, data=data
        )
        return Reopening(change, self._arrival)

    def reopen(self, reopening: Reopening, at: datetime) -> None:
        """Open, once the reopening is durable.

        Raises:
            ReopeningRefused: A cause has come meanwhile; it holds.
        """
        if not self._causes:
            return  # another reopening was first
        if reopening.arrival != self._arrival or any(x.lasts for x in self._causes.values()):
            # The journal says open by now; that it is closed must be the last word in it.
            for key in self._causes:
                self._note(JournalKind.GATE_CLOSED, key, reopening.change.at)
            self._refuse_lasting()
            raise ReopeningRefused(
                "A cause came while the gate was being reopened.",
                observed=self._state.value,
                next_step="Look at its causes again, then reopen.",
                details=self._details(self._causes.values()),
            )
        self._causes.clear()
        self._told.clear()
        self._settle(at)

    # Queries.

    @property
    def state(self) -> GateState:
        """Return what may be traded now."""
        return self._state

    @property
    def seq(self) -> int:
        """Return the number of the newest change."""
        return self._seq

    @property
    def is_starting(self) -> bool:
        """Return whether not all is known yet."""
        return _OPENING in self._causes

    @property
    def causes(self) -> list[GateCause]:
        """Return why it is closed, in the order they came."""
        return list(self._causes.values())

    def status(self, at: datetime, lease_seconds_left: float | None = None) -> GateStatus:
        """Return the state with its causes, as of `at` on the wall clock."""
        return GateStatus(
            state=self._state,
            trading_allowed=self._state is GateState.ACTIVE,
            causes=list(self._causes.values()),
            since=self._since,
            lease_seconds_left=lease_seconds_left,
            seq=self._seq,
            as_of=at,
        )

    def take_changes(self) -> list[GateChange]:
        """Return what is to be journalled since the last call, oldest first."""
        changes, self._changes = self._changes, []
        return changes

    # Inside.

    def _arrive(
        self,
        kind: CauseKind,
        faults: Mapping[str, str],
        at: datetime,
        market_time: datetime | None,
        *,
        lasts: bool,
    ) -> None:
        came = [
            (kind, subject)
            for subject, message in faults.items()
            if self._come((kind, subject), message, at, market_time, lasts=lasts)
        ]
        for key in came:
            if self._is_due(key, at):
                self._note(JournalKind.GATE_CLOSED, key, market_time)

    def _come(
        self, key: _Key, message: str, at: datetime, market_time: datetime | None, *, lasts: bool
    ) -> bool:
        """Latch a cause; return whether it is news."""
        known = self._causes.get(key)
        if known is not None and known.lasts and lasts:
            return False
        is_stricter = strictest((self._state, CLOSES_TO[key[0]])) is not self._state
        is_full = len(self._causes) >= MAX_CAUSES and key[0] is not CauseKind.KILL_SWITCH
        if known is None and is_full and not is_stricter:
            return False  # it is closed as far already, and why is told often enough
        new = new_cause(*key, message, at, market_time, lasts=lasts)
        if known is not None:
            new = new.model_copy(update={"since": known.since, "times": known.times + 1})
        self._put(key, new, at)
        self._arrival = self._seq
        return True

    def _end(self, keys: list[_Key], at: datetime, market_time: datetime | None) -> None:
        for key in keys:
            changes = {"lasts": False, "ended_at": at}
            self._put(key, self._causes[key].model_copy(update=changes), at)
            if self._is_due((key[0], f"{key[1]} ended"), at):
                self._note(JournalKind.GATE_CAUSE_ENDED, key, market_time)

    def _is_due(self, key: _Key, at: datetime) -> bool:
        """Return whether to journal now what comes and goes, and remember that."""
        told = self._told.get(key)
        if told is not None and abs((at - told).total_seconds()) < QUIET_SECONDS:
            return False
        self._told[key] = at
        return True

    def _put(self, key: _Key, cause: GateCause, at: datetime | None = None) -> None:
        self._causes[key] = cause
        self._settle(at)

    def _settle(self, at: datetime | None) -> None:
        """Derive the state from the causes: the one place where it changes."""
        self._seq += 1
        state = strictest(cause.closes_to for cause in self._causes.values())
        if state is not self._state:
            self._state = state
            self._since = at or self._since

    def _refuse_lasting(self) -> None:
        lasting = [cause for cause in self._causes.values() if cause.lasts]
        if lasting:
            raise ReopeningRefused(
                "The gate stays closed: " + " ".join(cause.message for cause in lasting[:5]),
                observed=", ".join(sorted({cause.kind.value for cause in lasting})),
                next_step=lasting[0].next_step,
                details=self._details(lasting),
            )

    def _details(self, causes: Iterable[GateCause]) -> list[Mapping[str, Any]]:
        return [cause.model_dump(mode="json") for cause in causes]

    def _note(
        self,
        kind: JournalKind,
        key: _Key,
        market_time: datetime | None,
        *,
        actor: str = ACTOR,
        reason: str | None = None,
    ) -> None:
        """Have a cause journalled as it is now, with the gate's whole memory."""
        kept = [cause for known, cause in self._causes.items() if known != _OPENING]
        memory = GateMemory(
            state=strictest(cause.closes_to for cause in kept), seq=self._seq, causes=kept
        )
        cause = self._causes[key]
        data = {**cause.model_dump(mode="json"), KEY: memory.model_dump(mode="json")}
        text = (reason or cause.message)[:500]
        self._changes.append(
            GateChange(kind=kind, actor=actor, reason=text, at=market_time, data=data)
        )


def first_opening(reason: str, actor: str, at: datetime | None = None) -> GateChange:
    """Return what is journalled with a new account, so that its gate may open by itself.

    Without it the gate of a new account is halted until a person opens it.
    """
    memory = GateMemory(state=GateState.ACTIVE, seq=0, causes=[])
    data = {"cleared": [], KEY: memory.model_dump(mode="json")}
    return GateChange(kind=JournalKind.GATE_REOPENED, actor=actor, reason=reason, at=at, data=data)
