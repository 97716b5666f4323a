"""The puppet's paper account: decimals, orders, the gate and limits, without time or chance.

Prices are those a test sets; an order works until a test fills it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.puppets.fake_risk_data import LABELS, NOON
from trading_dashboard.models.risk import account as a
from trading_dashboard.models.risk import gate as g

CENT = a.CENT
HOLDINGS = {"AAPL": ("120", "671.20"), "IBM": ("-40.5", "196.10"), "MSFT": ("500", "30.1235")}
PRICES = {"AAPL": "675.32", "IBM": "195.04", "MSFT": "30.40", "GOOG": "681.00"}
CASH = "123456789012.34"
"""More cents than a float can count, so that a page which rounds is found out."""


class Account:
    """What the agent keeps."""

    def __init__(self) -> None:
        self.sequence = 0
        self.gate_sequence = 0
        self.calm()

    def calm(self) -> None:
        self.cash = Decimal(CASH)
        self.held = {s: (Decimal(q), Decimal(c)) for s, (q, c) in HOLDINGS.items()}
        self.prices = {symbol: Decimal(price) for symbol, price in PRICES.items()}
        self.is_sample, self.stale = True, set[str]()
        self.orders: dict[str, a.Order] = {}
        self.fills: list[a.Fill] = []
        self.journal: list[a.JournalEntry] = []
        self.causes: list[g.GateCause] = []
        self.since = datetime.now(UTC)
        self.gate_sequence += 1
        self.hard = {"gross": 1.5, "var": 0.03, "drawdown": 0.2}
        self.record("account_opened", {})

    def record(self, kind: str, data: dict[str, Any], reason: str | None = None) -> None:
        self.sequence += 1
        body: dict[str, Any] = {"seq": self.sequence, "kind": kind, "actor": "operate 127.0.0.1"}
        body |= {"at": NOON, "recorded_at": datetime.now(UTC), "data": data, "reason": reason}
        self.journal.insert(0, a.JournalEntry.model_validate(body))

    def positions(self) -> list[a.Position]:
        return [self._position(symbol) for symbol in self.held]

    def _position(self, symbol: str) -> a.Position:
        quantity, cost = self.held[symbol]
        price = self.prices[symbol]
        value = (quantity * price).quantize(CENT)
        return a.Position(
            symbol=symbol, quantity=quantity, average_cost=cost, price=price, price_at=NOON,
            price_age_seconds=400.0 if symbol in self.stale else 1.2, market_value=value,
            is_stale=symbol in self.stale, unrealised=(quantity * (price - cost)).quantize(CENT),
            day_change=Decimal("-12.50"), weight=0.2, is_sample=self.is_sample,
        )  # fmt: skip

    def summary(self) -> a.PositionsResponse:
        positions = self.positions()
        values = [item.market_value or Decimal(0) for item in positions]
        long, short = (
            sum((v for v in values if (v > 0) is up), Decimal(0)) for up in (True, False)
        )
        unrealised = sum((item.unrealised or Decimal(0) for item in positions), Decimal(0))
        zero = Decimal("0.00")
        return a.PositionsResponse(
            **LABELS, as_of=NOON, cash=self.cash, market_value=long + short,
            equity=self.cash + long + short, realised=zero, realised_fifo=zero, fees=zero,
            unrealised=unrealised, day_pnl=Decimal("-37.50"), peak_equity=self.cash + long,
            drawdown=0.0123, gross=long - short, net=long + short, long=long, short=short,
            stale=sorted(self.stale), is_sample=self.is_sample, open_orders=len(self.open()),
            seq=self.sequence, positions=positions,
        )  # fmt: skip

    def open(self) -> list[a.Order]:
        return [order for order in self.orders.values() if order.status not in a.FINAL]

    def gate(self) -> g.GateStatus:
        states = {cause.closes_to for cause in self.causes}
        halted, reducing = (s in states for s in (g.GateState.HALTED, g.GateState.REDUCING))
        state = "halted" if halted else "reducing" if reducing else "active"
        return g.GateStatus(
            state=g.GateState(state), trading_allowed=state == "active", causes=self.causes,
            since=self.since, lease_seconds_left=2.5, seq=self.gate_sequence,
            as_of=datetime.now(UTC),
        )  # fmt: skip

    def close_gate(self, **cause: Any) -> None:
        body = {"subject": "puppet", "closes_to": "halted", "lasts": True, "message": "So it is."}
        body |= {"next_step": "Wait for the test.", "since": datetime.now(UTC)} | cause
        self.causes = [item for item in self.causes if item.kind != body["kind"]]
        self.causes.append(g.GateCause.model_validate(body))
        self.gate_sequence += 1
        self.record("gate_closed", {"kind": body["kind"], "subject": body["subject"]})

    def end_causes(self) -> None:
        update = {"lasts": False, "ended_at": datetime.now(UTC)}
        self.causes = [cause.model_copy(update=update) for cause in self.causes]
        self.gate_sequence += 1

    def open_gate(self, reason: str) -> None:
        self.causes = []
        self.gate_sequence += 1
        self.record("gate_reopened", {}, reason)

    def limits(self) -> g.LimitsResponse:
        values = {"gross": 0.9, "var": 0.0262, "drawdown": 0.0123}
        states = [self._limit(kind, value) for kind, value in values.items()]
        return g.LimitsResponse(**LABELS, limits=states, as_of=NOON, seq=self.sequence)

    def _limit(self, kind: str, value: float) -> g.LimitState:
        hard = self.hard[kind]
        state = "breached" if value > hard else "warned" if value > hard * 0.8 else "ok"
        return g.LimitState.model_validate({
            "kind": kind, "soft": hard * 0.8, "hard": hard, "unit": "fraction_of_equity",
            "value": value, "used": value / hard, "state": state, "message": f"{kind} is {state}.",
        })  # fmt: skip

    def check(self, ticket: a.OrderTicket) -> g.CheckResult:
        """Deny what the gate forbids, unknown symbols, and more than a million."""
        price = self.prices.get(ticket.symbol)
        held = self.held.get(ticket.symbol, (Decimal(0), Decimal(0)))[0]
        reduces = (held > 0) is (ticket.side == "sell") and ticket.quantity <= abs(held)
        findings: list[dict[str, Any]] = []
        notional = float(ticket.quantity * (price or 0))
        if price is None:
            findings.append({"code": "unknown_symbol", "message": f"{ticket.symbol} is unknown."})
        state = self.gate().state
        if state is g.GateState.HALTED or (state is g.GateState.REDUCING and not reduces):
            findings.append({"code": f"gate_{state}", "message": f"The gate is {state}."})
        if notional > 1_000_000:
            numbers = {"limit": 1.5, "before": 0.9, "after": 1.72, "unit": "fraction_of_equity"}
            message = "Gross exposure would pass its limit."
            findings.append({"code": "limit_gross", "message": message} | numbers)
        told = [g.CheckFinding.model_validate({"severity": "deny"} | item) for item in findings]
        return g.CheckResult(
            **LABELS, allowed=not told, findings=told, gate=state, price=float(price or 0) or None,
            notional=notional, estimated_fee=1.0, reduces=reduces, as_of=NOON,
        )  # fmt: skip

    def place(self, ticket: a.OrderTicket) -> a.Order:
        for order in self.orders.values():
            if ticket.client_order_id and order.client_order_id == ticket.client_order_id:
                return order
        now = datetime.now(UTC)
        order = a.Order(
            **ticket.model_dump(), id=f"order-{len(self.orders) + 1}", actor="trade 127.0.0.1",
            status=a.OrderStatus.WORKING, at=NOON, updated_at=NOON, recorded_at=now,
        )  # fmt: skip
        self.orders[order.id] = order
        self.record("order_placed", {"order": ticket.model_dump(mode="json", exclude_none=True)})
        return order

    def end_order(self, order: a.Order, status: str, reason: str) -> a.Order:
        over = order.model_copy(update={"status": a.OrderStatus(status), "reason": reason})
        self.orders[order.id] = over
        self.record(f"order_{status}", {"order_id": order.id}, reason)
        return over

    def fill(self, order: a.Order) -> tuple[a.Order, a.Fill]:
        """Fill all of it at the price there is."""
        price, sign = self.prices[order.symbol], 1 if order.side == "buy" else -1
        held, cost = self.held.get(order.symbol, (Decimal(0), price))
        self.held[order.symbol] = (held + sign * order.quantity, cost)
        self.cash -= (sign * order.quantity * price).quantize(CENT) + 1
        fill = a.Fill(
            id=f"fill-{len(self.fills) + 1}", order_id=order.id, symbol=order.symbol,
            side=order.side, quantity=order.quantity, price=price, market_price=price,
            fee=Decimal("1.00"), realised=Decimal("0.00"), realised_fifo=Decimal("0.00"), at=NOON,
            recorded_at=datetime.now(UTC), source="puppet",
        )  # fmt: skip
        done = {"status": a.OrderStatus.FILLED, "filled_quantity": order.quantity}
        order = order.model_copy(update=done | {"average_price": price, "fees": Decimal("1.00")})
        self.orders[order.id] = order
        self.fills.insert(0, fill)
        self.record("order_filled", fill.model_dump(mode="json"))
        return order, fill
