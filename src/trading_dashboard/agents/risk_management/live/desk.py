"""The desk: where it is decided what becomes of an order.

Owns placing and cancelling. A decision (the gate, the check, the reservation) is one step on the
event loop with no waiting in it, so of two orders that fit alone but not together the second sees
the first. An order is acknowledged once it is on disk; what cannot be written is not placed, its
reservation is given back, and the gate is halted.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from trading_dashboard.agents.risk_management.account.entries import (
    order_cancelled,
    order_placed,
    order_rejected,
)
from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.filling import Filling
from trading_dashboard.agents.risk_management.live.gatekeeping import GateWatch
from trading_dashboard.agents.risk_management.live.reading import ReaderThread
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.risk.account import (
    FINAL,
    JournalEntry,
    Order,
    OrderTicket,
)
from trading_dashboard.models.risk.errors import (
    AccountStoreError,
    DuplicateOrder,
    InvalidOrder,
    OrderDenied,
    OrderFinal,
    RiskError,
    UnknownOrder,
)
from trading_dashboard.models.risk.gate import CauseKind, CheckResult

DENIALS_PER_SECOND = 5.0
DENIAL_BURST = 50.0
"""Denied orders that are journalled; of a program that runs wild the rest is only counted."""


@dataclass(slots=True)
class _Placing:
    """An order on its way to the disk."""

    ticket: OrderTicket
    placed: asyncio.Future[list[JournalEntry]]
    order_id: str


class Desk:
    """Orders of one account."""

    def __init__(
        self,
        account: LiveAccount,
        gate: GateWatch,
        check: PreTradeCheck,
        writer: AccountWriter,
        filling: Filling,
        lookups: ReaderThread,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.denied = 0
        """Orders denied since the start."""
        self._account = account
        self._gate = gate
        self._check = check
        self._writer = writer
        self._filling = filling
        self._lookups = lookups
        self._monotonic = monotonic
        self._placing: dict[str, _Placing] = {}
        self._denials = DENIAL_BURST
        self._denied_at = monotonic()

    # Asking

    def check(self, ticket: OrderTicket) -> CheckResult:
        """Return what would become of an order now. Reserves nothing."""
        ticket = self.named(ticket)
        self._gate.look()
        return self._check.check(ticket, self._account, self._gate.keeper, self._gate.moment())

    def named(self, ticket: OrderTicket) -> OrderTicket:
        """Return a ticket with its symbol as market data spells it."""
        symbol = ticket.symbol
        if not self._account.knows(symbol) and self._account.knows(symbol.upper()):
            return ticket.model_copy(update={"symbol": symbol.upper()})
        return ticket

    async def order(self, order_id: str) -> Order:
        """Return one order.

        Raises:
            UnknownOrder: There is none.
        """
        known = self._account.book.orders.get(order_id)
        if known is None:
            known = await self._lookups.ask(lambda store: store.order(order_id))
        if known is None:
            raise UnknownOrder(
                f"There is no order {order_id[:64]}.",
                subject=order_id[:64],
                next_step="GET /orders lists all.",
            )
        return known

    # Placing

    async def place(self, ticket: OrderTicket, actor: str) -> tuple[Order, bool]:
        """Place an order; return it once it is durable, and whether it is a new one.

        Raises:
            OrderDenied: The check says no.
            DuplicateOrder: The client's id was used for another order.
            InvalidOrder: Of another currency.
            DataUnavailable: Market time is not known.
            AccountStoreError: It cannot be written; it was not placed.
        """
        ticket = self.named(ticket)
        known = await self._known(ticket)
        if known is not None:
            return known, False
        # From here to `submit` nothing waits: the decision and its reservation are one step.
        order_id = _new_id()
        placed = self._admit(order_id, ticket, actor)
        await asyncio.shield(placed)
        return await self.order(order_id), True

    def _admit(
        self, order_id: str, ticket: OrderTicket, actor: str
    ) -> asyncio.Future[list[JournalEntry]]:
        """Decide, reserve, and have it written; or raise why not."""
        account = self._account
        self._refuse_other_currency(ticket)
        at = account.decided_at(ticket.symbol)
        self._gate.look()
        moment = self._gate.moment()
        result = self._check.admit(order_id, ticket, account, self._gate.keeper, moment)
        if not result.allowed:
            self._deny(order_id, ticket, result, actor)

        client_id = ticket.client_order_id

        def settle(entries: list[JournalEntry] | None) -> None:
            # In the step in which the book knows the order, or it never will: a repeat finds it in
            # one of the two, whatever has become of who asked first.
            if client_id is not None:
                del self._placing[client_id]
            if entries is None:
                self._check.release(order_id, account)

        draft = order_placed(order_id, ticket, actor=actor, at=at)
        placed = self._writer.submit([draft], settle)
        if client_id is not None:
            self._placing[client_id] = _Placing(ticket, placed, order_id)
        return placed

    def _deny(self, order_id: str, ticket: OrderTicket, result: CheckResult, actor: str) -> None:
        """Raise the findings of the check, and journal that it was so."""
        denials = [finding for finding in result.findings if finding.severity == "deny"]
        message = " ".join(finding.message for finding in denials)[:500]
        self.denied += 1
        at = self._account.as_of
        if at is not None and self._may_journal_denial():
            codes = [finding.code.value for finding in denials]
            bare = ticket.model_copy(update={"client_order_id": None})
            self._writer.submit(
                [order_rejected(order_id, bare, actor=actor, reason=message, at=at, codes=codes)]
            )
        raise OrderDenied(
            message,
            subject=ticket.symbol,
            observed=result.gate.value,
            next_step="POST /check shows what would be allowed; nothing was placed.",
            details=[finding.model_dump(mode="json") for finding in result.findings],
        )

    def _may_journal_denial(self) -> bool:
        """Use one of the denials that may be journalled, if the store can be written."""
        now = self._monotonic()
        passed = now - self._denied_at
        self._denied_at = now
        self._denials = min(self._denials + passed * DENIALS_PER_SECOND, DENIAL_BURST)
        is_broken = any(
            cause.kind is CauseKind.STORE_UNWRITABLE and cause.lasts
            for cause in self._gate.keeper.gate.causes
        )
        if is_broken or self._denials < 1.0 or not self._account.book.is_opened:
            return False
        self._denials -= 1.0
        return True

    def _refuse_other_currency(self, ticket: OrderTicket) -> None:
        info = self._account.listed.get(ticket.symbol)
        currency = self._account.book.currency
        if info is not None and info.currency != currency:
            raise InvalidOrder(
                f"{ticket.symbol} is traded in {info.currency}, the account is in {currency}.",
                subject=ticket.symbol,
                observed=info.currency,
                next_step="Nothing is converted; choose a symbol in the account's currency.",
            )

    # The same order twice

    async def _known(self, ticket: OrderTicket) -> Order | None:
        """Return the order this client's id stands for, once it is durable; None if it is new."""
        client_id = ticket.client_order_id
        if client_id is None:
            return None
        book = self._account.book
        if self._is_new(client_id) and book.has_forgotten:
            # What ended long ago only the store remembers. Whoever comes meanwhile is seen below.
            found = await self._lookups.ask(lambda store: store.order(client_order_id=client_id))
            if found is not None:
                _refuse_other_order(_ticket_of(found), ticket)
                return found
        under_way = self._placing.get(client_id)
        if under_way is not None:
            _refuse_other_order(under_way.ticket, ticket)
            await asyncio.shield(under_way.placed)
            return await self.order(under_way.order_id)
        if client_id not in book.client_ids:
            return None
        order = book.order(book.client_ids[client_id])
        _refuse_other_order(_ticket_of(order), ticket)
        return order

    def _is_new(self, client_id: str) -> bool:
        """Return whether nothing in memory has this id."""
        return client_id not in self._placing and client_id not in self._account.book.client_ids

    # Cancelling

    async def cancel(self, order_id: str, actor: str, reason: str = "Cancelled.") -> Order:
        """Cancel an order, whatever the gate's state; return it once that is durable.

        A fill that is on its way to the disk comes first.

        Raises:
            UnknownOrder: There is none.
            OrderFinal: It has ended.
            AccountStoreError: It cannot be written.
        """
        order = await self.order(order_id)
        while (busy := self._filling.busy(order_id)) is not None:
            await asyncio.wait([busy])
        order = self._account.book.orders.get(order_id, order)
        if order.status in FINAL:
            raise OrderFinal(
                f"Order {order_id} is {order.status.value} and stays so.",
                subject=order_id,
                observed=order.status.value,
                next_step="GET /orders/{id} says when and why.",
            )
        at = max(self._account.as_of or order.updated_at, order.at)
        draft = order_cancelled(order_id, actor=actor, reason=reason, at=at)
        await asyncio.shield(self._filling.begin(order, [draft]))
        return self._account.book.order(order_id)

    async def cancel_all(self, actor: str, reason: str) -> list[Order]:
        """Cancel every order that works, those included that are just being placed.

        Raises:
            AccountStoreError: One of them cannot be written; others may have been cancelled.
        """
        await self._writer.flushed()
        orders = self._account.book.open_orders()
        outcomes = await asyncio.gather(
            *(self.cancel(order.id, actor, reason) for order in orders), return_exceptions=True
        )
        cancelled = [outcome for outcome in outcomes if isinstance(outcome, Order)]
        for outcome in outcomes:
            if isinstance(outcome, AccountStoreError):
                raise outcome
            if isinstance(outcome, BaseException) and not isinstance(outcome, RiskError):
                raise outcome
        return cancelled


def _new_id() -> str:
    """Return an order's id; those of later milliseconds sort after it."""
    return f"o{time.time_ns() // 1_000_000:011x}{secrets.token_hex(4)}"


def _ticket_of(order: Order) -> OrderTicket:
    """Return what an order was placed with, as far as it still can be told."""
    fields = {name: getattr(order, name) for name in OrderTicket.model_fields}
    return OrderTicket.model_construct(**fields)


def _refuse_other_order(placed: OrderTicket, ticket: OrderTicket) -> None:
    """Raise `DuplicateOrder` if the same id comes with another order."""
    names = (
        "symbol", "side", "type", "quantity", "limit_price", "stop_price", "time_in_force",
        "reduce_only",
    )  # fmt: skip
    other = [name for name in names if getattr(placed, name) != getattr(ticket, name)]
    if other:
        raise DuplicateOrder(
            f"The id {ticket.client_order_id} was used for another order.",
            subject=ticket.client_order_id,
            observed=", ".join(f"{name}: {getattr(placed, name)}" for name in other),
            next_step="Use another client_order_id for another order.",
        )
