"""An account's beginnings: opened once, begun anew with each run of a replay.

Owns the steps that take the account from one market's time to another's, and the sample portfolio.
While they are under way nothing is filled, no day is started, and the gate is shown the market as
it was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.entries import (
    DESK,
    Draft,
    account_opened,
    day_started,
)
from trading_dashboard.agents.risk_management.gate.gate import first_opening
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.gatekeeping import draft_of
from trading_dashboard.agents.risk_management.live.sample import candidates, sample
from trading_dashboard.agents.risk_management.live.worlds import (
    Verdict,
    World,
    begun_anew,
    judge,
)
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.market import ClockState
from trading_dashboard.models.risk.account import CENT, JournalEntry
from trading_dashboard.models.risk.errors import RiskError

PRICES_SECONDS = 5.0
"""How long the sample waits for prices of its symbols."""
RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Beginnings:
    """What is to be done with one account before it can go on."""

    def __init__(
        self,
        account: LiveAccount,
        writer: AccountWriter,
        *,
        opening_cash: Decimal,
        wants_sample: bool,
        known: World | None,
        opened: Callable[[Sequence[JournalEntry]], None],
        suspend: Callable[[], None],
        resume: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it.

        Args:
            account: Whose.
            writer: Where entries go.
            opening_cash: What a new account begins with.
            wants_sample: A new account of a replay gets the sample portfolio.
            known: The world the account lives in, by its journal.
            opened: Takes the first entries of a new account.
            suspend: Stops filling and starting days.
            resume: Lets them go on, in the market as it is.
            monotonic: Seconds.
        """
        self.standstill: str | None = None
        """Why the account does not go on with the market there is."""
        self._account = account
        self._writer = writer
        self._opening_cash = opening_cash
        self._wants_sample = wants_sample
        self._known = known
        self._tell_opened = opened
        self._suspend = suspend
        self._resume = resume
        self._monotonic = monotonic
        self._due: Verdict | None = None
        self._wake = asyncio.Event()

    @property
    def is_under_way(self) -> bool:
        """Return whether the account is being opened or begun anew."""
        return self._due is not None

    @property
    def world(self) -> World:
        """Return the world market data is in now."""
        return World.of(self._account.label)

    def market_began(self, clock: ClockState) -> Verdict:
        """Take who market data is; the account's label and clock have been taken before."""
        newest = self._account.newest_at
        verdict = judge(self._known, self.world, newest, clock.now)
        self.standstill = None
        if verdict is Verdict.STAND_STILL:
            self.standstill = (
                "The account lives in real market time; market data replays another. Give this "
                "agent another data directory or `database_url` for the replay."
            )
            self._suspend()
        elif verdict is Verdict.BEGIN_ANEW or not self._account.book.is_opened:
            self._due = verdict
            self._suspend()
            self._wake.set()
        elif self._due is None:
            self._known = self.world
            self._resume()
        return verdict

    async def run(self) -> None:
        """Do what is due, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._due is not None:
                    await self._begin()
            except RiskError as error:
                logger.warning("The account cannot be begun: %s %s", error, error.observed)
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    # Private

    async def _begin(self) -> None:
        account, state = self._account, self._account.clock.state
        if state is None:
            return
        await self._writer.flushed()
        had_sample, is_new = account.book.is_sample, not account.book.is_opened
        drafts = self._opened(state) if is_new else self._begun_anew(state)
        entries = await self._writer.submit(drafts)
        if is_new:
            self._tell_opened(entries)
        self._known = self.world
        if self.world.replay and self._wants_sample and (is_new or had_sample):
            await self._give_sample()
        self._due = None
        self._resume()

    def _opened(self, state: ClockState) -> list[Draft]:
        opened = account_opened(self._opening_cash, actor=DESK, at=state.now)
        drafts = [self.world.told(opened)]
        drafts.append(draft_of(first_opening("A new account.", DESK, state.now)))
        session = state.session or state.now.date()
        cash = self._opening_cash
        start = day_started(session, cash, at=state.now, peak_equity=cash)
        return [*drafts, self.world.told(start)]

    def _begun_anew(self, state: ClockState) -> list[Draft]:
        logger.info("The market is at %s: the account begins anew", state.now)
        return begun_anew(
            self._account.book, self.world, opening_cash=self._opening_cash,
            session=state.session, at=state.now,
        )  # fmt: skip

    async def _give_sample(self) -> None:
        account = self._account
        symbols = candidates(list(account.listed.values()), account.book.currency)
        until = self._monotonic() + PRICES_SECONDS
        while not all(symbol in account.valuation.marks for symbol in symbols):
            if self._monotonic() > until:
                break
            await asyncio.sleep(0.02)
        at = account.as_of
        if at is None:
            return
        drafts = sample(symbols, account.valuation.marks, self._opening_cash, at)
        if drafts:
            await self._writer.submit([*drafts, self._rebased(drafts, at)])

    def _rebased(self, drafts: Sequence[Draft], at: datetime) -> Draft:
        """Return the day's start with the sample's holdings at the closes before it."""
        closes: dict[str, Decimal] = {}
        equity = self._account.book.cash
        for draft in drafts:
            symbol = str(draft.data["symbol"])
            mark = self._account.valuation.marks[symbol]
            closes[symbol] = mark.previous_close or mark.price
            equity += Decimal(draft.data["quantity"]) * closes[symbol]
        session = self._account.clock.state.session if self._account.clock.state else None
        start = day_started(
            session or at.date(), equity.quantize(CENT), at=at, prices=closes,
            peak_equity=equity.quantize(CENT),
        )  # fmt: skip
        return self.world.told(start)
