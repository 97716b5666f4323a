"""The gate in this process: looked at all the time, journalled, told.

Owns what the gate is shown of the market and the clocks, and that each change of it goes into the
journal and onto the stream. Closing takes effect before either.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.gate.causes import GateChange
from trading_dashboard.agents.risk_management.gate.gate import Gate
from trading_dashboard.agents.risk_management.gate.keeper import (
    LOOK_SECONDS,
    Gatekeeper,
    GateRules,
)
from trading_dashboard.agents.risk_management.gate.moment import MarketNow, Moment
from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.writer import AccountWriter
from trading_dashboard.models.risk.account import JournalEntry
from trading_dashboard.models.risk.errors import AccountStoreError, ReopeningRefused
from trading_dashboard.models.risk.gate import GateReopening, GateState, GateStatus, LeaseRenewal

MAX_TOGETHER = 100
MAX_UNWRITTEN = 1_000
"""Changes kept for a store that cannot be written; each holds the gate's whole memory."""
RETRY_SECONDS = 1.0
JOURNAL_SECONDS = 2.0
"""How long who killed waits to be told that a restart will know of it."""
_NOWHERE = MarketNow(connected=False, heard=None)


def wall_clock() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


class GateWatch:
    """The gate and everything it is told."""

    def __init__(
        self,
        account: LiveAccount,
        rules: GateRules,
        told: Callable[[GateStatus], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = wall_clock,
    ) -> None:
        """Make it, closed.

        Args:
            account: Whose clock and prices it looks at.
            rules: When it closes.
            told: Takes each change of its state or causes.
            monotonic: Seconds.
            wall: The machine's time.
        """
        self.keeper = Gatekeeper(Gate(wall()), rules)
        self.era = 0
        """Another number whenever the market's clock was set on purpose."""
        self.is_connected: Callable[[], bool] = lambda: False
        """Says whether the connection to market data stands."""
        self.heard_at: Callable[[], float | None] = lambda: None
        """Says when anything came over it."""
        self._account = account
        self._told = told
        self._monotonic = monotonic
        self._wall = wall
        self._writer: AccountWriter | None = None
        self._seq_told = self.keeper.gate.seq
        self._is_held = False
        self._market = _NOWHERE
        self._unwritten: list[Draft] = []
        self._is_writing = False
        self._retry: asyncio.TimerHandle | None = None

    # Life

    def connect(self, writer: AccountWriter) -> None:
        """Write what comes from now on."""
        self._writer = writer
        self.keeper.store.succeeded()

    def restore(self, entries: Sequence[JournalEntry]) -> None:
        """Take over what the journal remembers."""
        self.keeper.gate.restore(entries, self._wall(), self._account.as_of)
        self._tell()

    async def run(self) -> None:
        """Look ten times a second, for those who only listen."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """Try nothing again."""
        if self._retry is not None:
            self._retry.cancel()

    # What it is shown

    def hold_market(self) -> None:
        """Keep showing the market as it was: the account is being brought to another time."""
        self._is_held = True

    def release_market(self) -> None:
        """Show the market as it is, in another era."""
        self._is_held = False
        self.era += 1

    def moment(self) -> Moment:
        """Return this moment on every clock."""
        monotonic = self._monotonic()
        connected, heard = self.is_connected(), self.heard_at()
        if self._is_held:
            self._market = replace(self._market, connected=connected, heard=heard)
        else:
            self._market = self._market_now(connected, heard)
        return Moment(wall=self._wall(), monotonic=monotonic, market=self._market)

    def written(self, error: AccountStoreError | None) -> None:
        """Take what became of an entry; a failure closes the gate at once."""
        if error is None:
            self.keeper.store.succeeded()
        else:
            self.keeper.store.failed(str(error.observed or error.message))
            self.look()

    # What is asked of it

    def look(self) -> GateState:
        """Look at everything; return what may be traded at this moment."""
        moment = self.moment()
        if self._writer is not None:
            waits = self._writer.waiting_seconds
            self.keeper.store.waiting(moment.monotonic - waits if waits else None)
        state = self.keeper.look(moment)
        self._tell()
        return state

    def limits_seen(self, faults: Mapping[str, str]) -> None:
        """Take over which hard limits are breached."""
        self.keeper.limits_seen(faults, self.moment())
        self._tell()

    def renew(self, renewal: LeaseRenewal) -> GateStatus:
        """Take the supervisor's word."""
        self.keeper.renew(renewal, self.moment())
        self._tell()
        return self.status()

    def kill(self, reason: str, actor: str) -> None:
        """Halt at once."""
        self.keeper.kill(reason, actor, self.moment())
        self._tell()

    async def is_journalled(self) -> bool:
        """Wait until what has changed so far is on disk; return whether it is."""
        writer = self._writer
        try:
            async with asyncio.timeout(JOURNAL_SECONDS):
                # What is being written now, what waited for that, and to be told of it.
                for _ in range(3):
                    if self._unwritten and writer is not None:
                        await writer.flushed()
        except (TimeoutError, AccountStoreError):
            return False
        return not self._unwritten

    async def reopen(self, reopening: GateReopening, actor: str) -> GateStatus:
        """Open, once the reopening is durable.

        Raises:
            ReopeningRefused: A cause lasts, or has come since the gate was looked at.
            AccountStoreError: It cannot be journalled.
        """
        writer = self._writer
        if writer is None:
            raise AccountStoreError("The account has not been read yet.", next_step="Wait.")
        asked = self.keeper.ask_reopening(
            reopening.reason, actor, reopening.seen_seq, self.moment()
        )
        self._tell()
        refusals: list[ReopeningRefused] = []

        def settle(entries: list[JournalEntry] | None) -> None:
            # With the entry, not with who asked: if they leave, disk and memory still agree.
            if entries is None:
                return
            try:
                self.keeper.reopen(asked, self.moment())
            except ReopeningRefused as refusal:
                refusals.append(refusal)
            self._tell()

        await asyncio.shield(writer.submit([draft_of(asked.change)], settle))
        if refusals:
            raise refusals[0]
        return self.status()

    def status(self) -> GateStatus:
        """Return the state as of this moment."""
        return self.keeper.status(self.moment())

    # Private

    def _market_now(self, connected: bool, heard: float | None) -> MarketNow:
        account, state = self._account, self._account.clock.state
        if state is None:
            return replace(_NOWHERE, connected=connected, heard=heard, era=self.era)
        return MarketNow(
            connected=connected,
            heard=heard,
            now=account.as_of,
            era=self.era,
            is_open=bool(account.is_market_open),
            is_moving=not (state.paused or state.finished),
            speed=state.speed,
            newest=account.newest_price_at,
            account_at=account.newest_at,
        )

    def _tell(self) -> None:
        """Journal and tell what has changed."""
        gate = self.keeper.gate
        self._unwritten += [draft_of(change) for change in gate.take_changes()]
        self._journal()
        if gate.seq != self._seq_told:
            self._seq_told = gate.seq
            self._told(self.status())

    def _journal(self) -> None:
        """Write what is not written yet; what fails is tried again until it is on disk.

        That also shows when the store can be written again.
        """
        if self._writer is None or self._is_writing or not self._unwritten:
            return
        drafts = self._unwritten[:MAX_TOGETHER]
        self._is_writing = True

        def settle(entries: list[JournalEntry] | None) -> None:
            self._is_writing = False
            if entries is None:
                del self._unwritten[:-MAX_UNWRITTEN]
                loop = asyncio.get_running_loop()
                self._retry = loop.call_later(RETRY_SECONDS, self._journal)
            else:
                del self._unwritten[: len(drafts)]
                self._journal()

        self._writer.submit(drafts, settle)


def draft_of(change: GateChange) -> Draft:
    """Return the draft of what changed."""
    return Draft(
        kind=change.kind, actor=change.actor, at=change.at, reason=change.reason, data=change.data
    )
