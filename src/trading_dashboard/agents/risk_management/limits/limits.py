"""The limits, and where they stand.

A limit changes by a journalled entry alone (`plan_change`, then `apply`), so that the same entries
give the same limits after a restart. Loosening one does not open the gate: that is another act.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from trading_dashboard.agents.risk_management.gate.causes import GateChange
from trading_dashboard.agents.risk_management.limits.defaults import (
    DEFAULT_LIMITS,
    NAMES,
    OF_THE_ACCOUNT,
    UNITS,
    name_of,
    shown,
)
from trading_dashboard.agents.risk_management.limits.measuring import Figure, figure_of, in_unit
from trading_dashboard.agents.risk_management.limits.pace import Pace
from trading_dashboard.agents.risk_management.limits.view import AccountView
from trading_dashboard.models.risk.account import JournalKind
from trading_dashboard.models.risk.errors import InvalidLimit
from trading_dashboard.models.risk.gate import (
    Limit,
    LimitChange,
    LimitKind,
    LimitState,
)

MAX_LIMITS = 200
_SUBJECT = re.compile(r"[^\s\x00-\x1f]{1,32}")

_Key = tuple[LimitKind, str]


class LimitBook:
    """What is bounded."""

    def __init__(self, limits: Iterable[Limit] = DEFAULT_LIMITS) -> None:
        self._limits: dict[_Key, Limit] = {(x.kind, x.subject): x for x in limits}
        self.seq = 0
        """Grows with each change."""

    # Changes.

    def plan_change(
        self, change: LimitChange, actor: str, at: datetime | None = None
    ) -> GateChange:
        """Return what is to be journalled for a change; nothing changes before `apply`.

        A bound that is not named stays as it is, of a symbol's first limit of its own as it is for
        all (``*``); null removes it. Without soft and hard a limit is off; that of one symbol is
        then removed, and the one for all holds for it again.

        Args:
            change: What is asked for.
            actor: Who asks.
            at: Market time.

        Raises:
            InvalidLimit: It makes no sense.
        """
        change = change.model_copy(update={"subject": change.subject.strip().upper()})
        key = (change.kind, change.subject)
        before = self._limits.get(key)
        unit = change.unit or self._unit(change)
        if unit in UNITS[change.kind]:
            change = self._completed(change, unit)
        self._refuse_nonsense(change, unit)
        after = Limit(
            kind=change.kind, subject=change.subject, soft=change.soft, hard=change.hard, unit=unit
        )
        data = {
            **after.model_dump(mode="json"),
            "before": before.model_dump(mode="json") if before else None,
        }
        return GateChange(
            kind=JournalKind.LIMIT_CHANGED, actor=actor, reason=change.reason, at=at, data=data
        )

    def apply(self, data: dict[str, Any]) -> None:
        """Take over a change, as journalled.

        Args:
            data: That of the entry.

        Raises:
            InvalidLimit: The entry is damaged.
        """
        try:
            limit = Limit.model_validate({name: data[name] for name in Limit.model_fields})
        except (KeyError, TypeError, ValidationError) as error:
            raise InvalidLimit(
                "A journalled change of a limit cannot be read.",
                observed=str(data)[:200],
                next_step="Restore the account from a backup.",
            ) from error
        key = (limit.kind, limit.subject)
        self.seq += 1
        if limit.soft is None and limit.hard is None and limit.subject != "*":
            self._limits.pop(key, None)
        else:
            self._limits[key] = limit

    # Queries.

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Return all limits, in the order of their kinds."""
        order = list(LimitKind)
        return tuple(sorted(self._limits.values(), key=lambda x: (order.index(x.kind), x.subject)))

    def find(self, kind: LimitKind, symbol: str = "*") -> Limit | None:
        """Return the limit that holds for a symbol: its own, else the one for all."""
        return self._limits.get((kind, symbol)) or self._limits.get((kind, "*"))

    def own_symbols(self) -> set[str]:
        """Return the symbols that have a limit of their own."""
        return {
            subject for kind, subject in self._limits if kind is LimitKind.SYMBOL and subject != "*"
        }

    def evaluate(self, view: AccountView, pace: Pace, monotonic: float) -> list[LimitState]:
        """Return where every limit stands now. Open orders are not counted: they are no risk yet.

        Args:
            view: The account.
            pace: Orders of the last minute.
            monotonic: Now.
        """
        own = self.own_symbols()
        states = []
        for limit in self.limits:
            figure = figure_of(limit, view, pace, monotonic, own)
            states.append(state_of(limit, in_unit(figure, limit, view)))
        return states

    # Inside.

    def _unit(self, change: LimitChange) -> Any:
        known = self.find(change.kind, change.subject)
        return known.unit if known else UNITS[change.kind][0]

    def _completed(self, change: LimitChange, unit: str) -> LimitChange:
        """Return a change with the bounds it does not name as they hold now.

        Raises:
            InvalidLimit: They are in another unit.
        """
        known = self.find(change.kind, change.subject)
        left = {"soft", "hard"} - change.model_fields_set
        kept = {name: getattr(known, name) for name in left if known is not None}
        if known is not None and known.unit != unit and any(x is not None for x in kept.values()):
            raise InvalidLimit(
                "The limit would change its unit and keep a bound of the old one.",
                subject=f"{change.kind.value} {change.subject}",
                observed=f"{', '.join(sorted(kept))} in {known.unit}",
                next_step="Name soft and hard; null removes one.",
            )
        if kept.get("soft") is not None and change.hard is not None:
            kept["soft"] = min(kept["soft"], change.hard)  # tightened: the warning comes no later
        return change.model_copy(update=kept)

    def _refuse_nonsense(self, change: LimitChange, unit: str) -> None:
        problem = _problem(change, unit)
        key = (change.kind, change.subject)
        if problem is None and key not in self._limits and len(self._limits) >= MAX_LIMITS:
            problem = f"There are {MAX_LIMITS} limits already."
        if problem is not None:
            raise InvalidLimit(
                problem,
                subject=f"{change.kind.value} {change.subject}",
                observed=f"soft {change.soft}, hard {change.hard}, unit {unit}",
                next_step="Correct it; nothing has changed.",
            )


def state_of(limit: Limit, figure: Figure) -> LimitState:
    """Return a limit with where it stands."""
    bound = limit.hard if limit.hard is not None else limit.soft
    value = figure.value
    name = NAMES[limit.kind] + (f" of {limit.subject}" if limit.subject != "*" else "")
    used: float | None = None
    if bound is None:
        state, message = "off", f"{name} is not limited."
    elif value is None:
        state, message = "unknown", f"{name} cannot be told: {figure.why}."
    else:
        state = "ok"
        if limit.soft is not None and value > limit.soft:
            state = "warned"
        if limit.hard is not None and value > limit.hard:
            state = "breached"
        amount = shown(value, limit.unit) if math.isfinite(value) else "beyond any share of equity"
        whose = f" ({figure.symbol})" if figure.symbol and limit.subject == "*" else ""
        message = f"{name}{whose} is {amount}; {_bounds(limit)}."
        used = value / bound if bound and math.isfinite(value) else None
    is_told = value is not None and math.isfinite(value)
    return LimitState(
        **limit.model_dump(),
        value=value if is_told else None,
        used=used,
        state=state,
        message=message,
    )


def breaches(states: Sequence[LimitState]) -> dict[str, str]:
    """Return what closes the gate: messages by the limit's name."""
    return {
        name_of(state): f"{state.message}"
        for state in states
        if state.state == "breached" and state.kind in OF_THE_ACCOUNT
    }


def _bounds(limit: Limit) -> str:
    parts = []
    if limit.soft is not None:
        parts.append(f"a warning above {shown(limit.soft, limit.unit)}")
    if limit.hard is not None:
        parts.append(f"{shown(limit.hard, limit.unit)} are allowed")
    return ", ".join(parts)


def _problem(change: LimitChange, unit: str) -> str | None:
    kind, soft, hard = change.kind, change.soft, change.hard
    if change.subject != "*" and kind is not LimitKind.SYMBOL:
        return f"A limit of {kind.value} is for all: its subject is '*'."
    if not _SUBJECT.fullmatch(change.subject):
        return "The subject is no symbol."
    if unit not in UNITS[kind]:
        return f"A limit of {kind.value} is in {' or '.join(UNITS[kind])}."
    if soft is not None and hard is not None and soft > hard:
        return "The soft limit is above the hard one."
    if unit == "fraction" and max(soft or 0.0, hard or 0.0) > 1:
        return "A share is at most 1; 0.05 is five percent."
    return None
