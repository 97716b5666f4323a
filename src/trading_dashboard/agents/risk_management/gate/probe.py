"""The kill switch shows that it holds: after it an order is denied, by the check all pass."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trading_dashboard.agents.risk_management.gate.moment import Moment
from trading_dashboard.agents.risk_management.limits.check import LooksAtGate, PreTradeCheck
from trading_dashboard.agents.risk_management.limits.view import AccountView
from trading_dashboard.models.risk.account import OrderTicket, OrderType
from trading_dashboard.models.risk.gate import CheckCode

ORDER_ID = "probe"
_NOBODY = "PROBE"


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of an order sent to see whether the gate holds.

    Attributes:
        verified: It was denied, and because the gate is halted.
        code: Of the first rule that denied it; None if it was let through.
        message: In words.
    """

    verified: bool
    code: str | None
    message: str


def send_probe(check: PreTradeCheck, view: AccountView, gate: LooksAtGate, moment: Moment) -> Probe:
    """Send an order through the check; it is never placed.

    It is one that reduces, if anything is held: what a gate that is merely reducing lets through.
    """
    symbol, quantity = next(
        ((name, line.quantity) for name, line in view.exposure.lines() if line.quantity),
        (_NOBODY, Decimal(0)),
    )
    ticket = OrderTicket(
        symbol=symbol,
        side="sell" if quantity > 0 else "buy",
        quantity=min(abs(quantity), Decimal(1)) or Decimal(1),
        type=OrderType.MARKET,
    )
    try:
        result = check.admit(ORDER_ID, ticket, view, gate, moment)
    finally:
        check.release(ORDER_ID, view)
    denials = [finding for finding in result.findings if finding.severity == "deny"]
    if result.allowed or not denials:
        text = f"A probe order for {symbol} was let through: the gate does not hold."
        return Probe(verified=False, code=None, message=text)
    codes = [finding.code for finding in denials]
    verified = CheckCode.GATE_HALTED in codes
    text = f"A probe order for {symbol} was denied: {denials[0].message}"
    return Probe(verified=verified, code=denials[0].code.value, message=text)
