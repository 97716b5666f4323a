"""Random lives of an account, and an accountant who knows nothing of how it is kept.

The accountant reads journal entries and reckons in fractions and whole cents: cash by adding up
what was paid, quantities and profit by lists of single purchases. It shares no code with the
account.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from tests.unit.risk_management.ledger import START, ticket
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.actions import due
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.broker import BrokerSettings, PaperBroker, Tick
from trading_dashboard.models.market import CorporateAction
from trading_dashboard.models.risk.account import JournalEntry, JournalKind

SYMBOLS = ("IBM", "MSFT", "GOOG", "BTC/USD")
RATIOS = (2.0, 1.5, 3.0, 0.1, 0.333333)
_FILLABLE = ("market", "limit", "stop", "stop_limit")


class RandomLife:
    """What may happen to an account next; the same seed, the same life."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._broker = PaperBroker(
            BrokerSettings(
                slippage_bps=Decimal(self._random.randint(0, 50)),
                volume_share=Decimal("0.25"),
                fee_per_unit=Decimal("0.0035"),
                fee_bps=Decimal(self._random.choice(("0", "1.7"))),
            )
        )
        self._prices = {symbol: 20.0 + 60 * self._random.random() for symbol in SYMBOLS}
        self._now = START
        self._day = 0
        self._actions: list[CorporateAction] = []
        self.orders = 0

    def opened(self) -> list[Draft]:
        return [entries.account_opened(Decimal("1000000.37"), actor="test", at=self._now)]

    def next(self, book: Book) -> list[Draft]:
        """Return what happens now; nothing if it was an uneventful moment."""
        self._now += timedelta(seconds=self._random.randint(1, 40))
        chance = self._random.random()
        if chance < 0.45:
            return [self._order()]
        if chance < 0.93:
            return self._tick(book)
        if chance < 0.95:
            return self._cancel(book)
        if chance < 0.96:
            amount = Decimal(self._random.randint(-500_000, 600_000)) / 100
            return [entries.cash_moved(amount, actor="test", reason="so", at=self._now)]
        if chance < 0.97:
            return self._transfer()
        return self._next_day(book)

    def _order(self) -> Draft:
        random = self._random
        self.orders += 1
        symbol = random.choice(SYMBOLS)
        price = Decimal(repr(round(self._prices[symbol], 2)))
        kind, side = random.choice(_FILLABLE), random.choice(("buy", "sell"))
        quantity = str(random.randint(1, 400))
        if symbol == "BTC/USD":
            quantity = f"{random.random() * 5 + 0.00000001:.8f}"
        more: dict[str, Any] = {"type": kind, "time_in_force": random.choice(("day", "gtc"))}
        if "limit" in kind:
            more["limit_price"] = price * Decimal(random.randint(980, 1020)) / 1000
        if "stop" in kind:
            more["stop_price"] = price * Decimal(random.randint(980, 1020)) / 1000
        more["reduce_only"] = random.random() < 0.1
        order = ticket(symbol, "buy" if side == "buy" else "sell", quantity, **more)
        return entries.order_placed(f"o{self.orders}", order, actor="test", at=self._now)

    def _tick(self, book: Book) -> list[Draft]:
        symbol = self._random.choice(SYMBOLS)
        self._prices[symbol] = max(0.05, self._prices[symbol] * self._random.gauss(1, 0.01))
        tick = Tick(
            symbol=symbol, price=Decimal(repr(round(self._prices[symbol], 4))), at=self._now,
            source="demo", volume=Decimal(self._random.randint(0, 4000)),
        )  # fmt: skip
        return self._broker.on_tick(book.open_orders(symbol), tick, book.quantity(symbol))

    def _cancel(self, book: Book) -> list[Draft]:
        orders = book.open_orders()
        if not orders:
            return []
        order = self._random.choice(orders)
        return [entries.order_cancelled(order.id, actor="test", reason="so", at=self._now)]

    def _transfer(self) -> list[Draft]:
        symbol = self._random.choice(SYMBOLS)
        if self._random.random() < 0.5:
            return [entries.position_cleared(symbol, actor="test", reason="so", at=self._now)]
        quantity = Decimal(self._random.randint(-300, 300))
        cost = Decimal(repr(round(self._prices[symbol], 4)))
        return [entries.position_imported(symbol, quantity, cost, actor="import", at=self._now)]

    def _next_day(self, book: Book) -> list[Draft]:
        """Close the day, begin the next one, apply an action of that morning."""
        drafts = self._broker.on_close(book.open_orders(), self._now)
        self._day += 1
        self._now = START + timedelta(days=self._day)
        morning = self._now.replace(hour=0)
        symbol = self._random.choice(SYMBOLS)
        ex_date = morning.date()
        if self._random.random() < 0.3:
            # Prices stay in the usual range, however often there are splits.
            is_low = self._prices[symbol] < 30
            ratio = self._random.choice([one for one in RATIOS if (one < 1) is is_low])
            self._prices[symbol] /= ratio
            action = CorporateAction(
                symbol=symbol, ex_date=ex_date, kind="split", ratio=ratio, source="demo"
            )
        else:
            amount = round(self._random.random(), 4)
            action = CorporateAction(
                symbol=symbol, ex_date=ex_date, kind="dividend", amount=amount, source="demo"
            )
        self._actions = [*self._actions[-20:], action]
        drafts.append(entries.day_started(ex_date, None, at=self._now))
        return [*drafts, *due(book, self._actions, at=self._now)]


@dataclass
class Purchase:
    """A number of units bought or sold short, and what was paid for them in cents."""

    units: Fraction
    paid: Fraction


@dataclass
class Accountant:
    """Cash in cents, units in fractions, profit first in first out; all from entries alone."""

    cash: int = 0
    fees: int = 0
    brought: Fraction = Fraction(0)
    earned: Fraction = Fraction(0)
    """Profit by lots, not rounded."""
    roundings: int = 0
    """How often the account rounded where the accountant does not."""
    units: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    lots: dict[str, deque[Purchase]] = field(default_factory=lambda: defaultdict(deque))
    orders: dict[str, tuple[str, int]] = field(default_factory=dict)

    def read(self, entry: JournalEntry) -> None:
        """Enter one journal entry into the accounts."""
        data = entry.data
        match entry.kind:
            case JournalKind.ACCOUNT_OPENED:
                self.cash += _cents(Fraction(data["cash"]))
            case JournalKind.CASH_MOVED:
                self.cash += _cents(Fraction(data["amount"]))
            case JournalKind.ORDER_PLACED:
                sign = 1 if data["side"] == "buy" else -1
                self.orders[data["order_id"]] = data["symbol"], sign
            case JournalKind.ORDER_FILLED:
                self._fill(data)
            case JournalKind.POSITION_IMPORTED:
                paid = _cents(Fraction(data["quantity"]) * Fraction(data["average_cost"]))
                self._replace(data["symbol"], Fraction(data["quantity"]), Fraction(paid))
            case JournalKind.POSITION_CLEARED:
                self._replace(data["symbol"], Fraction(0), Fraction(0))
            case JournalKind.SPLIT_APPLIED:
                self._split(data["symbol"], Fraction(data["ratio"]))
            case JournalKind.DIVIDEND_PAID:
                self.cash += _cents(self.units[data["symbol"]] * Fraction(data["per_unit"]))
            case _:
                pass

    def _fill(self, data: dict[str, Any]) -> None:
        symbol, sign = self.orders[data["order_id"]]
        units, fee = sign * Fraction(data["quantity"]), _cents(Fraction(data["fee"]))
        paid = _cents(units * Fraction(data["price"]))
        self.cash -= paid + fee
        self.fees += fee
        each, left = Fraction(paid) / units, units
        lots = self.lots[symbol]
        while left and lots and (lots[0].units > 0) != (left > 0):
            lot = lots[0]
            closed = min(abs(lot.units), abs(left)) * (1 if lot.units > 0 else -1)
            cost = lot.paid * closed / lot.units
            self.earned += closed * each - cost
            self.roundings += 2
            lot.units, lot.paid, left = lot.units - closed, lot.paid - cost, left + closed
            if not lot.units:
                lots.popleft()
        if left:
            lots.append(Purchase(left, each * left))
        self.units[symbol] += units

    def _replace(self, symbol: str, units: Fraction, paid: Fraction) -> None:
        self.lots[symbol] = deque([Purchase(units, paid)] if units else [])
        self.units[symbol] = units

    def _split(self, symbol: str, ratio: Fraction) -> None:
        total, before = Fraction(0), Fraction(0)
        carried, kept = Fraction(0), deque[Purchase]()
        for lot in self.lots[symbol]:
            total += lot.units
            whole = _toward_zero(total * ratio)
            units, before = whole - before, whole
            if not units:
                carried += lot.paid
                continue
            kept.append(Purchase(units, lot.paid + carried))
            carried = Fraction(0)
        if kept:
            kept[-1].paid += carried
        else:
            self.earned -= carried
        self.lots[symbol] = kept
        self.units[symbol] = before


def _cents(amount: Fraction) -> int:
    """Return whole cents, half to even."""
    return round(amount * 100)


def _toward_zero(units: Fraction) -> Fraction:
    steps = abs(units) * 10**8
    whole = Fraction(steps.numerator // steps.denominator, 10**8)
    return whole if units > 0 else -whole


def audit(book: Book, accountant: Accountant) -> list[str]:
    """Return where the book and the accountant disagree, in sentences."""
    found = []
    if book.cash * 100 != accountant.cash:
        found.append(f"cash {book.cash}, the accountant has {accountant.cash} cents")
    if book.fees * 100 != accountant.fees:
        found.append(f"fees {book.fees}, the accountant has {accountant.fees} cents")
    units = {symbol: held for symbol, held in accountant.units.items() if held}
    held = {symbol: Fraction(own.quantity) for symbol, own in book.positions.items()}
    if units != held:
        found.append(f"holds {held}, the accountant has {units}")
    for own in book.positions.values():
        if sum(lot.quantity for lot in own.lots) != own.quantity:
            found.append(f"lots of {own.symbol} are not its quantity")
        if sum(lot.cost for lot in own.lots) != own.cost_fifo:
            found.append(f"lots of {own.symbol} cost other than it says")
    earned = book.dividends - book.fees
    if book.cash + book.cost != book.contributed + book.realised + earned:
        found.append("cash and costs are not what came in and was earned")
    if book.cash + book.cost_fifo != book.contributed_fifo + book.realised_fifo + earned:
        found.append("cash and lots are not what came in and was earned")
    difference = abs(Fraction(book.realised_fifo) * 100 - accountant.earned)
    if difference > Fraction(accountant.roundings + 1, 2):
        found.append(f"profit by lots is {float(difference)} cents from the accountant's")
    return found
