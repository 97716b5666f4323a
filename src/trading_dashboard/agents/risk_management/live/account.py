"""The account as of now: the book at the newest prices, kept in step with both.

Owns everything that limits, the pre-trade check and the screen ask of the account, always from
memory. Entries of the journal and prices are the only things that change it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal

from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.state import Change
from trading_dashboard.agents.risk_management.gate.memory import GATE_KINDS
from trading_dashboard.agents.risk_management.limits.exposure import ExposureBook
from trading_dashboard.agents.risk_management.limits.losses import History, VarTerms
from trading_dashboard.agents.risk_management.limits.rules import cash_taken, reckoned_price
from trading_dashboard.agents.risk_management.limits.view import Quote
from trading_dashboard.agents.risk_management.live.clock import MarketTime
from trading_dashboard.agents.risk_management.live.market import UNKNOWN, Label
from trading_dashboard.agents.risk_management.live.valuation import ZERO, Mark, Valuation
from trading_dashboard.agents.risk_management.live.worlds import TELLING
from trading_dashboard.models.errors import DataUnavailable
from trading_dashboard.models.market import MarketPhase, PriceResponse, SymbolInfo
from trading_dashboard.models.risk.account import FINAL, Fill, JournalEntry, JournalKind, Order

STALE_SILENCE_SECONDS = 2.0
"""A price is stale only if nothing newer has come for so long by the machine's clock, too: in a
fast replay a market minute passes in a blink."""
NAN = float("nan")
Fee = Callable[[str, Decimal, float], float]

TIMELESS = frozenset({*GATE_KINDS, JournalKind.LIMIT_CHANGED})
"""Kinds of entries that are no act of the account in market time."""
_BROUGHT_IN = (JournalKind.POSITION_IMPORTED, JournalKind.POSITION_CLEARED)


class LiveAccount:
    """The book, its value, and what open orders may add. See `limits.view.AccountView`."""

    def __init__(
        self,
        book: Book,
        fee: Fee,
        *,
        max_price_age_seconds: float,
        slippage: float = 0.0,
        uses_quotes: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a book.

        Args:
            book: As of the journal's newest entry.
            fee: What the broker takes for a quantity of a symbol at a price.
            max_price_age_seconds: From when on a price is stale, market time.
            slippage: What a purchase may cost more than the market's price, a share of it.
            uses_quotes: Purchases are made at the ask, where it is told.
            monotonic: Seconds.
        """
        self.book = book
        self.clock = MarketTime()
        self.label = UNKNOWN
        self.valuation = Valuation()
        self.exposure = ExposureBook()
        self.listed: dict[str, SymbolInfo] = {}
        self.volumes: dict[str, float] = {}
        """Units traded on an average day lately."""
        self.traded: dict[str, tuple[Decimal, Decimal]] = {}
        """Units and money of today's trades by symbol, signed as bought."""
        self.newest_at: datetime | None = None
        """Market time of the newest thing the account has done."""
        self.newest_price_at: datetime | None = None
        self.standstill: str | None = None
        """Why nothing may be decided: the account is not in the market's time."""
        self.changes = 0
        """Grows with each entry and each price that changes a value."""
        self._fee = fee
        self._slippage = slippage
        self._uses_quotes = uses_quotes
        self._max_age = max_price_age_seconds
        self._monotonic = monotonic
        self._came_at: dict[str, float] = {}
        self._best_profit: Decimal | None = None
        self._session = "" if book.day is None else book.day.session.isoformat()
        self.leaving = Decimal(0)
        """Cash on its way out: its entry is being written."""
        self._begin()

    # What changes it

    def market_began(self, label: Label, listed: Sequence[SymbolInfo]) -> None:
        """Take who market data is now."""
        self.label = label
        self.listed = {info.symbol: info for info in listed}

    def forget_prices(self) -> None:
        """Forget prices: they are another market's, or of a time that has not come yet."""
        for symbol in self.valuation.marks:
            self.exposure.set_price(symbol, NAN)
        self.valuation.forget_prices()
        self._came_at.clear()
        self.newest_price_at = None

    def take_price(self, price: PriceResponse) -> bool:
        """Take a symbol's newest price; return whether the account is worth something else now."""
        now = self._monotonic()
        mark = Mark.of(price, self.clock.open_seconds(now))
        symbol = price.symbol
        before = self.valuation.marks.get(symbol)
        self._came_at[symbol] = now
        if self.newest_price_at is None or mark.at > self.newest_price_at:
            self.newest_price_at = mark.at
        has_changed = self.valuation.take(symbol, mark)
        if before is None or before.value != mark.value:
            unpriced = self.exposure.unpriced(symbol)
            self.exposure.set_price(symbol, mark.value)
            for order_id in unpriced:
                self._reserve(self.book.order(order_id))
        if has_changed:
            self._note_peak()
            self.changes += 1
        return has_changed

    def apply(self, entry: JournalEntry) -> Change:
        """Take a durable entry of the journal; return what is different now."""
        is_brought_in = entry.kind in _BROUGHT_IN
        profit = self.profit if is_brought_in else None
        change = self.book.apply(entry)
        for order, _ in change.orders.values():
            self._order_changed(order, change.fills)
        if entry.kind is JournalKind.SPLIT_APPLIED:
            numerator, _, denominator = str(entry.data["ratio"]).partition("/")
            ratio = Decimal(numerator) / Decimal(denominator or 1)
            self.valuation.split(str(entry.data["symbol"]), ratio)
            self.exposure.set_price(str(entry.data["symbol"]), self._price(entry.data["symbol"]))
        self._revalue(change.symbols)
        self._note_trades(entry, change)
        if is_brought_in:
            self._move_peak(profit)
        elif entry.kind is JournalKind.DAY_STARTED:
            self._begin_peak()
        self._note_time(entry)
        self._note_peak()
        self.changes += 1
        return change

    def take_history(self, history: History, terms: VarTerms, volumes: dict[str, float]) -> None:
        """Take what daily history says: past returns, average volumes."""
        self.exposure.use_history(history, terms)
        self.volumes = volumes
        self.changes += 1

    # What is asked: `AccountView`

    @property
    def as_of(self) -> datetime | None:
        """Return market time as far as market data has told it: by its clock or by a price."""
        state, newest = self.clock.state, self.newest_price_at
        if state is None or newest is None or newest <= state.now:
            return None if state is None else state.now
        guessed = self.clock.now(self._monotonic())
        return newest if guessed is None else min(newest, guessed)

    @property
    def cash(self) -> float:
        """Return the cash, less what is being taken out; what open buys will take is in it."""
        return float(self.book.cash - self.leaving)

    @property
    def worth(self) -> Decimal | None:
        """Return cash and holdings, exactly; None while a holding has no price."""
        value = self.valuation.market_value
        return None if value is None else self.book.cash + value

    @property
    def equity(self) -> float | None:
        """Return the same as a float."""
        worth = self.worth
        return None if worth is None else float(worth)

    @property
    def profit(self) -> Decimal | None:
        """Return what the account is worth beyond what was brought in."""
        worth = self.worth
        return None if worth is None else worth - self.book.contributed

    @property
    def day_profit(self) -> Decimal | None:
        """Return the profit since the last session's close; None if it is not known."""
        day, worth = self.book.day, self.worth
        if day is None or day.equity is None or worth is None:
            return None
        return worth - day.equity - day.flows

    @property
    def day_pnl(self) -> float | None:
        """Return the same as a float."""
        profit = self.day_profit
        return None if profit is None else float(profit)

    @property
    def peak(self) -> Decimal | None:
        """Return the highest the account has been worth, moved by what was brought in since."""
        best = self._best_profit
        return None if best is None else self.book.contributed + best

    @property
    def drawdown(self) -> float | None:
        """Return how far the account is below its peak, a fraction of it."""
        peak, worth = self.peak, self.worth
        if peak is None or worth is None:
            return None
        return max(float((peak - worth) / peak), 0.0) if peak > 0 else 0.0

    @property
    def is_market_open(self) -> bool | None:
        """Return whether the exchange trades; None if it is not known."""
        state = self.clock.state
        return None if state is None else state.market is MarketPhase.OPEN and not state.finished

    def knows(self, symbol: str) -> bool:
        """Return whether market data serves this symbol."""
        return symbol in self.listed or symbol in self.valuation.marks

    def quote(self, symbol: str) -> Quote | None:
        """Return the newest price; None if there is none."""
        mark = self.valuation.marks.get(symbol)
        if mark is None:
            return None
        return Quote(mark.value, self.age_of(mark), is_stale=self.is_stale(symbol))

    def average_volume(self, symbol: str) -> float | None:
        """Return units traded on an average day lately; None if it is not known."""
        return self.volumes.get(symbol)

    def most_paid(self, symbol: str, price: float) -> float:
        """Return what a buyer pays a unit at the worst where the market is at `price`."""
        mark = self.valuation.marks.get(symbol)
        ask = None if mark is None or not self._uses_quotes else mark.ask
        dearest = price if ask is None else max(price, float(ask))
        return dearest * (1 + self._slippage)

    def fee(self, symbol: str, quantity: Decimal, price: float) -> float:
        """Return what the broker would take for this."""
        return self._fee(symbol, quantity, price)

    # More of it

    def decided_at(self, subject: str) -> datetime:
        """Return the market time of a decision that is made now.

        Raises:
            DataUnavailable: There is none: market data has not answered, the account has not been
                opened, or it lives in another time than the market.
        """
        at, why = self.as_of, self.standstill
        if why is None and at is None:
            why = "Market data has not answered yet: there is no market time."
        elif why is None and not self.book.is_opened:
            why = "The account has not been opened yet."
        if at is None or why is not None:
            raise DataUnavailable(
                why or "There is no market time.",
                subject=subject,
                next_step="Look at the market data agent's status and log, then try again.",
            )
        return at

    def age_of(self, mark: Mark) -> float:
        """Return a price's age in market time, closed hours not counted."""
        return max(self.clock.open_seconds(self._monotonic()) - mark.open_at, 0.0)

    def is_stale(self, symbol: str) -> bool:
        """Return whether a symbol's price is older than it may be."""
        mark = self.valuation.marks.get(symbol)
        if mark is None or self.age_of(mark) <= self._max_age:
            return False
        return self._monotonic() - self._came_at.get(symbol, 0.0) > STALE_SILENCE_SECONDS

    @property
    def symbols(self) -> set[str]:
        """Return what is held or ordered."""
        return {*self.book.positions, *self.book.working}

    def day_change(self, symbol: str) -> Decimal | None:
        """Return a holding's profit since the session's start, today's trades included."""
        value, day = self.valuation.value_of(symbol), self.book.day
        if value is None or day is None:
            return None
        units, paid = self.traded.get(symbol, (ZERO, ZERO))
        before = self.book.quantity(symbol) - units
        if not before:
            return value - paid
        start = day.prices.get(symbol)
        return None if start is None else value - paid - before * start

    # Private

    def _begin(self) -> None:
        self.valuation.begin(self.book.positions)
        for symbol, holding in self.book.positions.items():
            self.exposure.set_quantity(symbol, holding.quantity)
        for order in self.book.open_orders():
            self._order_changed(order, ())
        self._begin_peak()

    def _note_time(self, entry: JournalEntry) -> None:
        """Keep the newest market time in step. Prices of two symbols may fill out of order.

        A session's start sets it: of a replay that is set back, it begins another run.
        """
        if entry.kind in TIMELESS or entry.at is None:
            return
        if entry.kind in TELLING or self.newest_at is None:
            self.newest_at = entry.at
        else:
            self.newest_at = max(self.newest_at, entry.at)

    def _begin_peak(self) -> None:
        known = self.book.peak_equity
        if known is not None:
            self._best_profit = known - self.book.contributed

    def _note_peak(self) -> None:
        profit = self.profit
        if profit is not None and (self._best_profit is None or profit > self._best_profit):
            self._best_profit = profit

    def _move_peak(self, before: Decimal | None) -> None:
        """Let what was brought in with a gain or loss of its own be no gain or loss of ours."""
        after = self.profit
        if before is not None and after is not None and self._best_profit is not None:
            self._best_profit += after - before

    def _order_changed(self, order: Order, fills: Sequence[Fill]) -> None:
        """Keep what open orders may still do in step."""
        if order.status in FINAL:
            self.exposure.release(order.id)
            return
        own = [fill for fill in fills if fill.order_id == order.id]
        known = self.exposure.orders.get(order.id)
        if own and known is not None:
            for fill in own:
                self.exposure.filled(order.id, fill.quantity)
        elif known is None or known.remaining != order.remaining:
            self._reserve(order)

    def _reserve(self, order: Order) -> None:
        """Count what an open order may still do, and the cash it may take."""
        price = reckoned_price(order, self._price(order.symbol)) or 0.0
        if order.side == "buy":
            price = cash_taken(order, order.remaining, price, self) / float(order.remaining)
        self.exposure.reserve(order.id, order.symbol, order.side, order.remaining, price)

    def _revalue(self, symbols: Collection[str]) -> None:
        for symbol in symbols:
            self.valuation.holding_changed(symbol)
            self.exposure.set_quantity(symbol, self.book.quantity(symbol))

    def _note_trades(self, entry: JournalEntry, change: Change) -> None:
        if entry.kind is JournalKind.DAY_STARTED and entry.data["session"] != self._session:
            self._session = str(entry.data["session"])
            self.traded.clear()
        for fill in change.fills:
            self.note_trade(fill)
        if entry.kind in _BROUGHT_IN:
            # As if it had been there at the day's start, which is told anew with a price for it.
            self.traded.pop(str(entry.data["symbol"]), None)

    def note_trade(self, fill: Fill) -> None:
        """Count a fill among today's trades."""
        units, paid = self.traded.get(fill.symbol, (ZERO, ZERO))
        signed = fill.quantity if fill.side == "buy" else -fill.quantity
        self.traded[fill.symbol] = (units + signed, paid + signed * fill.price)

    def _price(self, symbol: str) -> float:
        mark = self.valuation.marks.get(symbol)
        return NAN if mark is None else mark.value
