"""What a person does to the account that is no order: cash, import, sample, limits, kill, reopen.

Owns these acts' order of steps. Each is journalled with who and why before it takes effect; only
the kill switch takes effect first.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.entries import (
    Draft,
    cash_moved,
    position_cleared,
    position_imported,
)
from trading_dashboard.agents.risk_management.gate.probe import send_probe
from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.desk import Desk
from trading_dashboard.agents.risk_management.live.gatekeeping import GateWatch, draft_of
from trading_dashboard.agents.risk_management.live.valuation import ZERO
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.agents.risk_management.transfer.reading import read_positions
from trading_dashboard.agents.risk_management.transfer.rows import Format, ImportRow
from trading_dashboard.models.errors import UnknownSymbol
from trading_dashboard.models.risk.account import (
    CENT,
    CashMove,
    ImportReport,
    Position,
)
from trading_dashboard.models.risk.errors import InvalidImport, InvalidOrder, OrderFinal
from trading_dashboard.models.risk.gate import KillReport, KillSwitch, LimitChange, LimitKind

KILL_SECONDS = 5.0
"""How long the kill switch waits for open orders to be cancelled; none is filled meanwhile."""


class Acts:
    """One account's other changes."""

    def __init__(
        self,
        account: LiveAccount,
        desk: Desk,
        gate: GateWatch,
        check: PreTradeCheck,
        writer: AccountWriter,
    ) -> None:
        self._account = account
        self._desk = desk
        self._gate = gate
        self._check = check
        self._writer = writer

    # Cash and holdings

    async def move_cash(self, move: CashMove, actor: str) -> None:
        """Pay in, or take out what is free.

        Raises:
            InvalidOrder: More than is free, or nothing.
            AccountStoreError: It cannot be written.
        """
        account = self._account
        at = account.decided_at("cash")
        buying = account.exposure.buying
        if move.amount < 0 and math.isnan(buying):
            raise InvalidOrder(
                "What open buys will take is not known yet.",
                subject="cash",
                next_step="Wait for the prices of what they buy, or cancel them.",
            )
        held = ZERO if math.isnan(buying) else Decimal(repr(buying)).quantize(CENT)
        free = account.book.cash - held - account.leaving
        if move.amount == 0 or (move.amount < 0 and free + move.amount < 0):
            raise InvalidOrder(
                "Nothing is moved." if move.amount == 0 else "More than is free.",
                subject="cash",
                observed=f"{move.amount} of {free.quantize(CENT)} that is free",
                next_step="Open buys hold cash back; cancel them, or take out less.",
            )
        leaving = -min(move.amount, ZERO)
        account.leaving += leaving

        def settle(_: object) -> None:
            account.leaving -= leaving  # not before: who asked may have left, the cash has not

        draft = cash_moved(move.amount, actor=actor, reason=move.reason, at=at)
        await asyncio.shield(self._writer.submit([draft], settle))

    async def import_positions(
        self, data: bytes, format_: Format, *, dry_run: bool, actor: str
    ) -> ImportReport:
        """Take holdings from a file: all rows or none.

        Raises:
            InvalidImport: Rows cannot be used; nothing was taken. Not raised by a dry run.
            DataUnavailable: Market time is not known.
            AccountStoreError: It cannot be written.
        """
        account, at = self._account, self._account.decided_at("positions")
        known = set(account.listed) or None
        # A large file takes long enough to keep checks waiting.
        reading = await asyncio.to_thread(
            read_positions, data, format_, known, currency=account.book.currency, now=at
        )
        if reading.problems and not dry_run:
            count = len(reading.problems)
            raise InvalidImport(
                f"{count} problem{'s' if count > 1 else ''} in {reading.count} rows; "
                "nothing was imported.",
                subject="import",
                observed=reading.count,
                next_step="Correct what `details` names; a dry run shows it without importing.",
                details=[problem.model_dump(mode="json") for problem in reading.problems],
            )
        seq: int | None = None
        if not dry_run:
            drafts = [self._imported(row, actor, at) for row in reading.rows]
            seq = await self._bring(drafts)
        return ImportReport(
            dry_run=dry_run,
            rows=reading.count,
            accepted=len(reading.rows),
            problems=list(reading.problems),
            positions=[self._would_hold(row) for row in reading.rows],
            seq=seq,
        )

    async def clear_sample(self, actor: str) -> None:
        """Take the sample portfolio out of the account, and what was ordered of it.

        Raises:
            AccountStoreError: It cannot be written.
        """
        account, at = self._account, self._account.decided_at("positions")
        sample = {symbol for symbol, holding in account.book.positions.items() if holding.is_sample}
        for symbol in sample:
            for order in account.book.open_orders(symbol):
                with suppress(OrderFinal):  # filled or expired meanwhile
                    await self._desk.cancel(order.id, actor, "The sample portfolio was cleared.")
        drafts = [
            position_cleared(
                symbol,
                actor=actor,
                reason="The sample portfolio was cleared.",
                at=at,
                price=self._price(symbol),
            )
            for symbol in sorted(sample)
            if symbol in account.book.positions and account.book.positions[symbol].is_sample
        ]
        if drafts:
            await self._bring(drafts)

    # Limits and the gate

    async def change_limit(self, change: LimitChange, actor: str) -> None:
        """Change a limit; it holds once that is durable.

        Raises:
            InvalidLimit: It makes no sense.
            UnknownSymbol: Market data does not list the symbol.
            AccountStoreError: It cannot be written.
        """
        symbol = change.subject.strip().upper()
        is_guarded = symbol == "*" or symbol in self._check.limits.own_symbols()
        if change.kind is LimitKind.SYMBOL and not is_guarded and not self._account.knows(symbol):
            raise UnknownSymbol(
                f"Symbol '{change.subject[:32]}' is not known: a limit of it would guard nothing.",
                subject=change.subject[:32],
                next_step="GET /symbols of the market data agent lists all.",
            )
        at = self._account.decided_at("limits")
        planned = self._check.limits.plan_change(change, actor, at)
        await self._writer.submit([draft_of(planned)])

    async def kill(self, order: KillSwitch, actor: str) -> KillReport:
        """Halt at once, cancel what works, and show that the gate holds."""
        self._gate.kill(order.reason, actor)
        cancelled, trouble = 0, ""
        if order.cancel_orders:
            try:
                # Halted it is already; a store that hangs must not keep anybody from knowing.
                async with asyncio.timeout(KILL_SECONDS):
                    cancelled = len(await self._desk.cancel_all(actor, "Kill switch."))
            except TimeoutError:
                trouble = f" Orders could not all be cancelled within {KILL_SECONDS:g} s."
            except Exception as error:  # noqa: BLE001 - halted it is, and that is told in any case
                trouble = f" Orders could not all be cancelled: {error}"
        if not await self._gate.is_journalled():
            trouble += " It is not on disk yet: a restart now would not know of it."
        probe = send_probe(self._check, self._account, self._gate.keeper, self._gate.moment())
        return KillReport(
            gate=self._gate.status(),
            cancelled=cancelled,
            verified=probe.verified,
            probe_code=probe.code,
            message=probe.message + trouble,
        )

    # Private

    async def _bring(self, drafts: Sequence[Draft]) -> int:
        """Have holdings brought in or taken out, all or none; return the newest entry's number.

        Each draft tells the price it moves at, so that whatever prices, cash and fills do until it
        is on disk, none of it is taken for what came in, nor the other way round.
        """
        entries = await asyncio.shield(self._writer.submit(drafts))
        return entries[-1].seq if entries else self._account.book.seq

    def _price(self, symbol: str) -> Decimal | None:
        mark = self._account.valuation.marks.get(symbol)
        return None if mark is None else mark.price

    def _imported(self, row: ImportRow, actor: str, at: datetime) -> Draft:
        return position_imported(
            row.symbol, row.quantity, row.average_cost, actor=actor, at=at,
            opened_at=row.opened_at, currency=row.currency, price=self._price(row.symbol),
        )  # fmt: skip

    def _would_hold(self, row: ImportRow) -> Position:
        mark = self._account.valuation.marks.get(row.symbol)
        value = None if mark is None else (row.quantity * mark.price).quantize(CENT)
        return Position(
            symbol=row.symbol,
            quantity=row.quantity,
            average_cost=row.average_cost,
            price=None if mark is None else mark.price,
            price_at=None if mark is None else mark.at,
            market_value=value,
            currency=row.currency,
        )
