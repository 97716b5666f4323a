"""What has to be done before a session's first prices are believed.

Owns the order of things at a session's start: splits and dividends are applied to what is held or
ordered, then the day is started with the account's value at the closes before it, then the prices
are taken that waited meanwhile. A price after a split, taken before it, would be a false loss.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from trading_dashboard.agents.risk_management.account import actions as corporate
from trading_dashboard.agents.risk_management.account.entries import Draft, day_started
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.filling import Filling
from trading_dashboard.agents.risk_management.live.market import Market
from trading_dashboard.agents.risk_management.live.valuation import decimal_of
from trading_dashboard.agents.risk_management.live.worlds import World
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.errors import DataUnavailable, MarketDataError, UnknownSymbol
from trading_dashboard.models.market import CorporateAction, PriceResponse
from trading_dashboard.models.risk.account import CENT
from trading_dashboard.models.risk.errors import RiskError

PATIENCE_SECONDS = 2.0
"""How long a session's start waits for a first price of each holding."""
ACTIONS_SECONDS = 10.0
"""How long prices wait for splits and dividends that no source can tell."""
RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Sessions:
    """One account's sessions. `admits` each price first; `run` does what has to be done."""

    def __init__(
        self,
        account: LiveAccount,
        market: Market,
        writer: AccountWriter,
        filling: Filling,
        release: Callable[[PriceResponse], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it.

        Args:
            account: Whose.
            market: Asked for splits and dividends.
            writer: Where entries go.
            filling: Told of closes, at which day orders end.
            release: Takes prices that waited.
            monotonic: Seconds.
        """
        self.is_suspended = False
        """Nothing is started: the account is being brought to another time."""
        self._account = account
        self._market = market
        self._writer = writer
        self._filling = filling
        self._release = release
        self._monotonic = monotonic
        self._checked: dict[str, date | None] = {}
        self._held: dict[str, PriceResponse] = {}
        self._due_since: float | None = None
        self._unknown_since: dict[str, float] = {}
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many symbols' prices wait for the session to be started."""
        return len(self._held)

    def forget(self) -> None:
        """Forget what was checked: the market is another one, or its clock was set."""
        self._checked.clear()
        self._held.clear()
        self._due_since = None
        self._wake.set()

    def clock_moved(self) -> None:
        """Take note that the clock has said something."""
        if self._is_day_due and self._due_since is None:
            self._due_since = self._monotonic()
        if self._due_since is not None:
            self._wake.set()

    def admits(self, price: PriceResponse) -> bool:
        """Return whether a price may be taken now; one that may not is kept for later."""
        symbol = price.symbol
        if symbol not in self._account.symbols:
            # What comes into the account from now on has nothing to be applied to it.
            self._checked[symbol] = price.session
            return True
        is_checked = symbol in self._checked and self._checked[symbol] == price.session
        if is_checked and not (self._is_day_due and symbol in self._account.book.positions):
            return True
        self._held[symbol] = price
        self._wake.set()
        return False

    async def run(self) -> None:
        """Start sessions, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self.is_suspended or not (self._held or self._is_day_due):
                continue
            try:
                await self._start()
            except (MarketDataError, RiskError) as error:
                logger.warning("The session is not started yet: %s %s", error, error.observed)
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    # Private

    @property
    def _is_day_due(self) -> bool:
        state, day = self._account.clock.state, self._account.book.day
        if state is None or state.session is None or not self._account.book.is_opened:
            return False
        return day is None or day.session != state.session

    async def _start(self) -> None:
        await self._note_closes()
        await self._apply_actions()
        if self._is_day_due:
            if self._is_too_early():
                await asyncio.sleep(0.05)
                self._wake.set()
                return
            await self._start_day()
        self._due_since = None
        held, self._held = self._held, {}
        for price in held.values():
            if self.admits(price):
                self._release(price)

    async def _apply_actions(self) -> None:
        """Apply what is effective to the symbols whose prices wait."""
        waiting = {
            symbol: price.session
            for symbol, price in self._held.items()
            if self._checked.get(symbol, None) != price.session or symbol not in self._checked
        }
        found = await asyncio.gather(*(self._actions(symbol) for symbol in waiting))
        at = self._account.as_of
        if at is None:
            return
        told = [action for actions in found for action in actions]
        drafts = corporate.due(self._account.book, told, at=at)
        if drafts:
            await self._writer.submit(drafts)
            for draft in drafts:
                logger.info("%s of %s is applied", draft.kind.value, draft.data["symbol"])
        self._checked.update(waiting)

    async def _note_closes(self) -> None:
        """End day orders whose exchange has closed since they were placed."""
        at = self._account.as_of
        if at is None or not self._is_day_due:
            return
        for calendar, symbol in self._filling.calendars.items():
            sessions = await self._market.sessions(symbol)
            closes = [session.close for session in sessions if session.close <= at]
            if closes:
                self._filling.closed(calendar, max(closes))

    async def _actions(self, symbol: str) -> list[CorporateAction]:
        try:
            found = await self._market.actions(symbol)
        except UnknownSymbol:
            return []  # not listed at the market clock: nothing became effective
        except DataUnavailable as error:
            since = self._unknown_since.setdefault(symbol, self._monotonic())
            if self._monotonic() - since < ACTIONS_SECONDS:
                raise
            # No source can say it today. A price that is not believed for that would be no better.
            logger.warning("Splits and dividends of %s are not known: %s", symbol, error.message)
            return []
        self._unknown_since.pop(symbol, None)
        return found

    def _is_too_early(self) -> bool:
        """Return whether a holding's first price of the session may still come."""
        state = self._account.clock.state
        session = None if state is None else state.session
        missing = [
            symbol
            for symbol in self._account.book.positions
            if symbol not in self._held or self._held[symbol].session != session
        ]
        since = self._due_since
        if since is None:
            since = self._due_since = self._monotonic()
        return bool(missing) and self._monotonic() - since < PATIENCE_SECONDS

    async def _start_day(self) -> None:
        state, at = self._account.clock.state, self._account.as_of
        if state is None or state.session is None or at is None:
            return
        await self._writer.submit([self.day_draft(state.session)])

    def day_draft(self, session: date) -> Draft:
        """Return the start of a session: the account at the closes before it."""
        account = self._account
        closes: dict[str, Decimal] = {}
        for symbol in account.book.positions:
            close = self._close_of(symbol, session)
            if close is not None:
                closes[symbol] = close
        equity: Decimal | None = None
        if len(closes) == len(account.book.positions):
            worth = [account.book.quantity(symbol) * close for symbol, close in closes.items()]
            equity = (account.book.cash + sum(worth, Decimal(0))).quantize(CENT)
        at = account.as_of
        assert at is not None  # noqa: S101 - a session is known by the clock
        known = [worth for worth in (account.peak, equity) if worth is not None]
        peak = max(known, default=None)
        start = day_started(
            session,
            equity,
            at=at,
            prices=closes,
            peak_equity=None if peak is None else peak.quantize(CENT),
        )
        return World.of(account.label).told(start)

    def _close_of(self, symbol: str, session: date) -> Decimal | None:
        """Return a symbol's close before a session, on the basis of its units today."""
        price = self._held.get(symbol)
        if price is not None and price.session == session and price.previous_close is not None:
            return decimal_of(price.previous_close)
        mark = self._account.valuation.marks.get(symbol)
        if mark is None:
            return None
        if mark.session == session and mark.previous_close is not None:
            return mark.previous_close
        return mark.price
