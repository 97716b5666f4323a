"""Limits evaluated as things change, and what history they need.

Owns when: after each price or entry that changes something, once a turn of the event loop however
many there were; and that returns and volumes are read again when a session or a holding is new. A
breach is known to the gate in the same step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.limits.limits import breaches
from trading_dashboard.agents.risk_management.limits.losses import History, VarTerms
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.asked import RECKON, Facts
from trading_dashboard.agents.risk_management.live.gatekeeping import GateWatch
from trading_dashboard.agents.risk_management.live.heavy import Heavy
from trading_dashboard.agents.risk_management.live.history import (
    POSTPONED_SECONDS,
    DailyHistory,
)
from trading_dashboard.models.errors import TradingDashboardError
from trading_dashboard.models.risk.gate import LimitState

MAX_UNIVERSE = 200
"""All that is listed is covered if it is not more than these; else what is held, ordered, asked."""
PATIENCE_SECONDS = 5.0
"""So long after the market began a holding may lack a price before limits go by what there is."""
RETRY_SECONDS = 2.0
PREPARE_SECONDS = 2.0

logger = logging.getLogger(__name__)


class LimitKeeping:
    """Where the limits stand."""

    def __init__(
        self,
        account: LiveAccount,
        check: PreTradeCheck,
        gate: GateWatch,
        history: DailyHistory,
        heavy: Heavy,
        *,
        window: int,
        confidence: float,
        horizon_days: int,
        told: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it.

        Args:
            account: Whose.
            check: Whose limits and pace.
            gate: Told of breaches.
            history: Where daily bars are read.
            heavy: Where they are computed with.
            window: Daily returns of the VaR that is bounded.
            confidence: Of it.
            horizon_days: Of it.
            told: Called when a limit's state has become another.
            monotonic: Seconds.
        """
        self.states: list[LimitState] = []
        """As last evaluated."""
        self.is_suspended = True
        """Nothing is evaluated: the account is not in the market's time yet."""
        self._account = account
        self._check = check
        self._gate = gate
        self._history = history
        self._heavy = heavy
        self._window = window
        self._confidence = confidence
        self._horizon_days = horizon_days
        self._told = told
        self._monotonic = monotonic
        self._began_at = monotonic()
        self._is_scheduled = False
        self._covered: frozenset[str] | None = None
        self._is_lacking = False
        self._asked: set[str] = set()
        self._wake = asyncio.Event()
        self._read = asyncio.Condition()

    # What happens

    def market_began(self) -> None:
        """Begin anew with history: the market is another one, or its clock was set."""
        self._covered = None
        self._began_at = self._monotonic()
        self._wake.set()

    def session_began(self) -> None:
        """Read the newest closed day."""
        self._wake.set()

    def changed(self) -> None:
        """Evaluate soon: at the end of this turn of the event loop, once."""
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.evaluate)

    def evaluate(self) -> None:
        """Evaluate now, and tell the gate."""
        self._is_scheduled = False
        before = [(state.kind, state.subject, state.state) for state in self.states]
        now = self._monotonic()
        self.states = self._check.limits.evaluate(self._account, self._check.pace, now)
        if self._needs_history():
            self._wake.set()
        if self._is_ready():
            self._gate.limits_seen(breaches(self.states))
        if before != [(state.kind, state.subject, state.state) for state in self.states]:
            self._told()

    # History

    @property
    def has_history(self) -> bool:
        """Return whether history has been read since the market began."""
        return self._covered is not None

    def covers(self, symbol: str) -> bool:
        """Return whether a symbol's returns are known, or known to be missing."""
        return self._covered is not None and symbol in self._covered

    async def prepare(self, symbol: str) -> None:
        """Wait a little until a symbol's returns are there; without them it cannot be judged."""
        if self.covers(symbol) or not self._account.knows(symbol):
            return
        self._asked.add(symbol)
        self._wake.set()
        try:
            async with asyncio.timeout(PREPARE_SECONDS), self._read:
                await self._read.wait_for(lambda: self.covers(symbol))
        except TimeoutError:
            logger.warning("History of %s takes long; its VaR cannot be told yet", symbol)

    async def run(self) -> None:
        """Read history whenever it is needed, for ever; what was missing again after a while."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POSTPONED_SECONDS if self._is_lacking else None):
                    await self._wake.wait()
            self._wake.clear()
            if self.is_suspended or self._account.clock.state is None:
                continue
            try:
                await self._read_history()
            except TradingDashboardError as error:
                logger.warning("History is not known yet: %s %s", error.message, error.observed)
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    # Private

    def _universe(self) -> frozenset[str]:
        listed = self._account.listed
        if len(listed) <= MAX_UNIVERSE:
            return frozenset(listed) | self._account.symbols
        return frozenset(self._account.symbols | (self._asked & set(listed)))

    def _needs_history(self) -> bool:
        return self._covered is None or not self._account.symbols <= self._covered

    def _is_ready(self) -> bool:
        """Return whether the limits can be judged: prices and history are there, or given up."""
        account = self._account
        if self.is_suspended or not account.book.is_opened or self._covered is None:
            return False
        is_patient = self._monotonic() - self._began_at < PATIENCE_SECONDS
        return not (account.valuation.unpriced and is_patient)

    async def _read_history(self) -> None:
        universe = self._universe()
        histories = await self._history.of(sorted(universe))
        self._is_lacking = bool(histories.missing)
        symbols = sorted(universe)
        key = ("facts", histories.version, tuple(symbols))
        data = (histories.version, histories)
        found: Facts = await self._heavy.ask(key, f"{RECKON}:facts", data, symbols, self._window)
        terms = VarTerms(confidence=self._confidence, horizon_days=self._horizon_days)
        self._account.take_history(History(found.symbols, found.returns), terms, found.volumes)
        async with self._read:
            self._covered = universe
            self._read.notify_all()
        self.changed()
