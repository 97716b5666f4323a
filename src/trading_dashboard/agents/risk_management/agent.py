"""The risk management agent: its parts, their life, and what it says of its health.

Owns what is started and closed in which order, and handing on what happens: prices and the clock to
the account and the broker, entries of the journal to whoever shows them. Everything runs on the
event loop but the store's thread and the process that computes.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from fastapi import FastAPI

from trading_dashboard.agents.kit.memory import freeze
from trading_dashboard.agents.risk_management.broker.broker import PaperBroker
from trading_dashboard.agents.risk_management.broker.fees import BPS, order_fee
from trading_dashboard.agents.risk_management.gate.keeper import GateRules
from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.limits.limits import LimitBook
from trading_dashboard.agents.risk_management.limits.rules import CheckRules
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.acts import Acts
from trading_dashboard.agents.risk_management.live.beginnings import Beginnings
from trading_dashboard.agents.risk_management.live.desk import Desk
from trading_dashboard.agents.risk_management.live.filling import Filling
from trading_dashboard.agents.risk_management.live.gatekeeping import GateWatch
from trading_dashboard.agents.risk_management.live.health import Health
from trading_dashboard.agents.risk_management.live.heavy import Heavy
from trading_dashboard.agents.risk_management.live.history import DailyHistory
from trading_dashboard.agents.risk_management.live.limitkeeping import LimitKeeping
from trading_dashboard.agents.risk_management.live.market import (
    Follower,
    Label,
    Market,
)
from trading_dashboard.agents.risk_management.live.memory import Remembered, remember
from trading_dashboard.agents.risk_management.live.reading import ReaderThread
from trading_dashboard.agents.risk_management.live.sessions import Sessions
from trading_dashboard.agents.risk_management.live.telling import Telling, order_update
from trading_dashboard.agents.risk_management.live.worlds import Verdict
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.agents.risk_management.streaming.hub import RiskHub
from trading_dashboard.models.market import ClockState, PriceResponse, SymbolInfo
from trading_dashboard.models.risk.account import JournalEntry, JournalKind
from trading_dashboard.models.risk.gate import GateState, GateStatus
from trading_dashboard.models.risk.settings import GateSettings, RiskSettings

BEING_MOVED = "The account is being brought to the market's time."
TELL_SECONDS = 0.25
"""The account and its limits are told this often at most."""

logger = logging.getLogger(__name__)


class RiskAgent:
    """Everything this process holds. Made before the event loop runs, `lifespan` within it."""

    def __init__(
        self,
        store: AccountStore,
        market: Market,
        settings: RiskSettings,
        *,
        needs_lease: bool,
        may_sample: bool,
    ) -> None:
        """Read the account.

        Args:
            store: Open.
            market: What is followed.
            settings: Checked.
            needs_lease: A supervisor has to renew its lease.
            may_sample: This is no production.

        Raises:
            AccountStoreError: The store cannot be read.
        """
        self.settings = settings
        self.store = store
        self.market = market
        self.failure: str | None = None
        self._changes_told = -1
        known = remember(store)
        self._gate_memory = known.gate
        self._make_account(known)
        self._make_gate(needs_lease=needs_lease)
        self._make_market(known, may_sample=may_sample)
        self._make_desk()

    def _make_account(self, known: Remembered) -> None:
        age = self.settings.gate.max_price_age_seconds
        self.curve = known.curve
        broker = self.settings.broker
        self.account = LiveAccount(
            known.book, self._fee, max_price_age_seconds=age,
            slippage=float(broker.slippage_bps / BPS), uses_quotes=broker.use_quotes,
        )  # fmt: skip
        self.account.newest_at = known.newest_at
        for fill in known.fills:
            self.account.note_trade(fill)
        self.check = PreTradeCheck(LimitBook(), _check_rules(self.settings.gate))
        for entry in known.limits:
            self.check.limits.apply(entry.data)
        self.telling = Telling(self.account)
        self.hub = RiskHub(self.snapshot)

    def _make_gate(self, *, needs_lease: bool) -> None:
        rules = _gate_rules(self.settings.gate, needs_lease)
        self.gate = GateWatch(self.account, rules, self._gate_told)
        self.writer = AccountWriter(self.store, self._apply, self.gate.written)
        self.follower = Follower(self.market, self)
        self.gate.is_connected = lambda: self.market.is_connected
        self.gate.heard_at = lambda: self.follower.heard_at

    def _make_market(self, known: Remembered, *, may_sample: bool) -> None:
        settings, account, writer = self.settings, self.account, self.writer
        self.filling = Filling(
            account, PaperBroker(settings.broker), writer, self.gate.look,
            max_price_age_seconds=settings.gate.max_price_age_seconds,
        )  # fmt: skip
        self.sessions = Sessions(account, self.market, writer, self.filling, self._take_price)
        self.history = DailyHistory(self.market, settings.history_days)
        self.heavy = Heavy()
        self.limits = LimitKeeping(
            account, self.check, self.gate, self.history, self.heavy,
            window=settings.window, confidence=settings.confidence,
            horizon_days=settings.horizon_days, told=self._limits_told,
        )  # fmt: skip
        self.beginnings = Beginnings(
            account, writer, opening_cash=settings.opening_cash,
            wants_sample=settings.sample and may_sample, known=known.world,
            opened=self.gate.restore, suspend=self._suspend, resume=self._resume,
        )  # fmt: skip

    def _make_desk(self) -> None:
        # Pages are large, and an order must not wait for one.
        self.reading = ReaderThread(self.store.reader, "pages")
        self._lookups = ReaderThread(self.store.reader, "lookups")
        self.desk = Desk(
            self.account, self.gate, self.check, self.writer, self.filling, self._lookups
        )
        self._health = Health(
            self.account, self.gate, self.writer, self.follower, self.beginnings,
            store_seconds=self.settings.gate.store_seconds,
        )  # fmt: skip
        self.acts = Acts(self.account, self.desk, self.gate, self.check, self.writer)

    # Life

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Follow the market, write, look at the gate and compute, while serving."""
        self.gate.connect(self.writer)
        if self.account.book.is_opened:
            self.gate.restore(self._gate_memory)
        self.limits.evaluate()
        writing = asyncio.create_task(self.writer.run(), name="writer")
        parts = (
            self.gate, self.sessions, self.beginnings, self.limits, self.heavy, self.follower,
        )  # fmt: skip
        tasks = [asyncio.create_task(part.run(), name=type(part).__name__) for part in parts]
        tasks.append(asyncio.create_task(self._tell_now_and_then(), name="telling"))
        for task in (writing, *tasks):
            task.add_done_callback(self._part_ended)
        try:
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.gate.close()
            self.writer.finish()
            await asyncio.gather(writing, return_exceptions=True)
            await self.reading.close()
            await self._lookups.close()
            await self.writer.close(self.store.close)
            await self.market.close()
            gc.unfreeze()

    async def close_streams(self) -> None:
        """End every stream; returns once their last message is on its way."""
        self.hub.close()
        await self.hub.empty.wait()

    # What the follower tells: `market.Listener`

    def market_began(self, clock: ClockState, label: Label, listed: Sequence[SymbolInfo]) -> None:
        """See `market.Listener`."""
        account = self.account
        before, newest = account.clock.state, account.newest_at
        is_back = (before is not None and clock.now < before.now) or (
            newest is not None and clock.now < newest
        )
        if is_back or label.source != account.label.source:
            account.forget_prices()
        account.market_began(label, listed)
        account.clock.forget()
        account.clock.take(clock, time.monotonic())
        self.sessions.forget()
        self.filling.market_began()
        self.history.begin(clock.session)
        self.limits.market_began()
        if label.replay and self.beginnings.market_began(clock) is not Verdict.BEGIN_ANEW:
            self.gate.era += 1
        elif not label.replay:
            self.beginnings.market_began(clock)
        self.limits.changed()

    def clock_said(self, clock: ClockState) -> None:
        """See `market.Listener`."""
        before = self.account.clock.state
        self.account.clock.take(clock, time.monotonic())
        if before is not None and before.session != clock.session:
            self.history.session_began(clock.session)
            self.limits.session_began()
        self.filling.clock_moved()
        self.sessions.clock_moved()

    def price_came(self, price: PriceResponse) -> None:
        """See `market.Listener`."""
        if self.beginnings.standstill is None and self.sessions.admits(price):
            self._take_price(price)

    def symbol_reset(self, symbol: str) -> None:
        """See `market.Listener`."""
        self.filling.market_began(symbol)

    def market_condition(self, trouble: str | None) -> None:
        """See `market.Listener`."""
        if trouble is not None:
            logger.warning("%s", trouble)
        self.gate.look()

    # What is told

    def snapshot(self) -> dict[str, Any]:
        """Return the state a stream begins with."""
        return {
            "gate": self.gate.status().model_dump(mode="json"),
            "account": self.telling.positions(),
            "limits": self.limits_body(),
            "orders": self.telling.orders(),
        }

    def limits_body(self) -> dict[str, Any]:
        """Return where the limits stand."""
        return self.telling.limits(self.limits.states, self.check.limits.seq)

    def health(self) -> dict[str, Any]:
        """Return what `/health` says beside the common fields; from memory."""
        return self._health.report(self.failure)

    # Private

    def _take_price(self, price: PriceResponse) -> None:
        if self.account.take_price(price):
            self.limits.changed()
        self.filling.take_price(price)

    def _apply(self, entry: JournalEntry) -> None:
        """Take a durable entry; a book that cannot is not this account's any more."""
        try:
            change = self.account.apply(entry)
            self.curve.take(entry)
            if entry.kind is JournalKind.LIMIT_CHANGED:
                self.check.limits.apply(entry.data)
        except Exception as error:
            self._fail(f"Entry {entry.seq} does not fit the account in memory.", error)
            raise
        self.telling.changed(change.symbols)
        fills = {fill.order_id: fill for fill in change.fills}
        for order, _ in change.orders.values():
            self.hub.happened("order", order_update(order, fills.get(order.id)))
        self.limits.changed()

    def _suspend(self) -> None:
        self.account.standstill = self.beginnings.standstill or BEING_MOVED
        self.filling.is_suspended = self.sessions.is_suspended = True
        self.limits.is_suspended = True
        self.gate.hold_market()

    def _resume(self) -> None:
        self.account.standstill = None
        self.filling.is_suspended = self.sessions.is_suspended = False
        self.limits.is_suspended = False
        self.gate.release_market()
        self.limits.market_began()
        self.sessions.clock_moved()
        self.limits.changed()

    def _gate_told(self, status: GateStatus) -> None:
        is_usual = status.state is GateState.ACTIVE or self.gate.keeper.gate.is_starting
        level = logging.INFO if is_usual else logging.WARNING
        causes = "; ".join(cause.message for cause in status.causes)
        logger.log(level, "The gate is %s. %s", status.state.value, causes)
        self.hub.happened("gate", {"gate": status.model_dump(mode="json")})

    def _limits_told(self) -> None:
        self.hub.stands("limits", lambda: {"limits": self.limits_body()})

    async def _tell_now_and_then(self) -> None:
        is_frozen = False
        while True:
            await asyncio.sleep(TELL_SECONDS)
            if not is_frozen and self.limits.has_history:
                # A check must not wait while the collector looks through all that was imported.
                await asyncio.to_thread(freeze)
                is_frozen = True
            if self._changes_told != self.account.changes and self.hub.subscribers:
                self._changes_told = self.account.changes
                self.hub.stands("account", lambda: {"account": self.telling.positions()})
                self._limits_told()

    def _fee(self, _: str, quantity: Decimal, price: float) -> float:
        traded = quantity * Decimal(repr(price)) if price == price else Decimal(0)  # noqa: PLR0124
        return float(order_fee(self.settings.broker, quantity, traded))

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        """End the process if a part failed: half of it must not go on deciding."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(f"{task.get_name()} failed.", error)

    def _fail(self, what: str, error: BaseException) -> None:
        self.failure = f"{what} {type(error).__name__}: {error}"
        logger.error("%s The agent ends to be restarted", what, exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _gate_rules(settings: GateSettings, needs_lease: bool) -> GateRules:
    return GateRules(
        needs_lease=needs_lease,
        max_age_seconds=settings.max_price_age_seconds,
        min_silence_seconds=settings.min_silence_seconds,
        max_quiet_seconds=settings.max_quiet_seconds,
        reconnect_seconds=settings.reconnect_seconds,
        clock_tolerance_seconds=settings.clock_tolerance_seconds,
        store_seconds=settings.store_seconds,
    )


def _check_rules(settings: GateSettings) -> CheckRules:
    return CheckRules(
        max_price_distance=settings.max_price_distance, allows_borrowing=settings.allows_borrowing
    )
