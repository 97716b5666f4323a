"""The pre-trade check: may this order be placed, and if so its place is taken in the same step.

`admit` decides and reserves without anything in between: it is a plain function that runs on one
thread, so that of two orders that fit alone but not together the second sees the first. What is
reserved is the open order's until it is filled or final.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Protocol

from trading_dashboard.agents.risk_management.gate.moment import Moment
from trading_dashboard.agents.risk_management.limits.limits import LimitBook
from trading_dashboard.agents.risk_management.limits.pace import Pace
from trading_dashboard.agents.risk_management.limits.rules import (
    Case,
    CheckRules,
    case_of,
    cash_rule,
    distance_rule,
    gate_rule,
    limit_rules,
    price_rule,
    ticket_rule,
)
from trading_dashboard.agents.risk_management.limits.view import AccountView
from trading_dashboard.models.risk.account import OrderTicket
from trading_dashboard.models.risk.gate import CheckFinding, CheckResult, GateState


class LooksAtGate(Protocol):
    """What says whether may be traded: `gate.keeper.Gatekeeper`."""

    def look(self, moment: Moment) -> GateState:
        """Return what may be traded at this moment."""


class PreTradeCheck:
    """Judges orders by the gate, the limits and the account.

    Attributes:
        limits: What is bounded.
        pace: Orders let through in the last minute.
    """

    def __init__(self, limits: LimitBook, rules: CheckRules | None = None) -> None:
        """Belong to the thread that makes it."""
        self.limits = limits
        self.pace = Pace()
        self._rules = rules or CheckRules()
        self._thread = threading.get_ident()

    def check(
        self, ticket: OrderTicket, view: AccountView, gate: LooksAtGate, moment: Moment
    ) -> CheckResult:
        """Return what would become of an order now; reserves nothing."""
        return self._judge(ticket, view, gate, moment)[1]

    def admit(
        self,
        order_id: str,
        ticket: OrderTicket,
        view: AccountView,
        gate: LooksAtGate,
        moment: Moment,
    ) -> CheckResult:
        """Decide about an order and, if it is let through, reserve what it may do.

        Whoever cannot place it after all must `release` it.

        Args:
            order_id: What the reservation is known by.
            ticket: The order.
            view: The account.
            gate: Asked at this moment.
            moment: Now.

        Raises:
            RuntimeError: It was called from another thread than the one decisions are made on.
        """
        if threading.get_ident() != self._thread:
            raise RuntimeError("orders are admitted from one thread, so that none is missed")
        case, result = self._judge(ticket, view, gate, moment)
        if result.allowed:
            exposure = view.exposure
            if case.quote is not None:
                exposure.set_price(ticket.symbol, case.quote.price)
            unit = case.price or 0.0
            if ticket.side == "buy" and case.takes is not None:
                unit = case.takes / float(ticket.quantity)
            exposure.reserve(order_id, ticket.symbol, ticket.side, ticket.quantity, unit)
            self.pace.add(order_id, moment.monotonic)
        return result

    def release(self, order_id: str, view: AccountView) -> None:
        """Give back what was reserved for an order that was never placed after all."""
        view.exposure.release(order_id)
        self.pace.give_back(order_id)

    def _judge(
        self, ticket: OrderTicket, view: AccountView, gate: LooksAtGate, moment: Moment
    ) -> tuple[Case, CheckResult]:
        case = case_of(ticket, view, gate.look(moment), moment.monotonic)
        findings = list(self._findings(case))
        return case, CheckResult(
            allowed=not any(finding.severity == "deny" for finding in findings),
            findings=findings,
            gate=case.gate,
            price=case.price,
            notional=case.notional,
            estimated_fee=None if case.price is None else case.fee,
            reduces=case.reduces,
            as_of=view.as_of,
            numbers=_numbers(case),
        )

    def _findings(self, case: Case) -> Iterator[CheckFinding]:
        rules = self._rules
        yield from gate_rule(case)
        yield from ticket_rule(case)
        yield from price_rule(case)
        yield from distance_rule(case, rules.max_price_distance)
        yield from cash_rule(case, allows_borrowing=rules.allows_borrowing)
        yield from limit_rules(case, self.limits, self.pace)


def _numbers(case: Case) -> dict[str, Any]:
    """Return exposure, cash and VaR before and after; open orders count with their worst part."""
    (before, after), (var_before, var_after) = case.totals, case.var
    cash = case.view.cash - case.view.exposure.buying
    is_buy = case.ticket.side == "buy"
    spent = case.takes if is_buy or case.takes is None else 0.0
    held, quantity = case.before.quantity, case.ticket.quantity
    return {
        "position": {
            "before": str(held),
            "after": str(held + quantity if is_buy else held - quantity),
        },
        "gross": {"before": before and before.gross, "after": after and after.gross},
        "net": {"before": before and before.net, "after": after and after.net},
        "cash": {"before": cash, "after": None if spent is None else cash - spent},
        "var": {"before": var_before, "after": var_after},
    }
