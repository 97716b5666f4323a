"""What the account is worth, kept up to date one price at a time.

Owns the newest price of each symbol and the sums made of them. A price changes one holding's value
and moves the sums by the difference, exactly: they are decimals, so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from trading_dashboard.models.market import PriceResponse

ZERO = Decimal(0)


class Held(Protocol):
    """What is needed of a holding here."""

    @property
    def quantity(self) -> Decimal:
        """Signed, short below zero."""

    @property
    def average_cost(self) -> Decimal:
        """Per unit."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest price of a symbol."""

    price: Decimal
    value: float
    """The same as a float."""
    at: datetime
    """Market time."""
    open_at: float
    """`MarketTime.open_seconds` when it was made."""
    source: str
    session: date | None
    previous_close: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    volume: float
    """Traded in the session so far."""
    currency: str
    seq: int

    @classmethod
    def of(cls, price: PriceResponse, open_seconds: float) -> Mark:
        """Return a price that came when so many open seconds had passed."""
        return cls(
            price=decimal_of(price.price),
            value=price.price,
            at=price.timestamp,
            open_at=open_seconds - (price.age_seconds or 0.0),
            source=price.source,
            session=price.session,
            previous_close=_optional(price.previous_close),
            bid=_optional(price.bid),
            ask=_optional(price.ask),
            volume=price.volume,
            currency=price.currency,
            seq=price.seq,
        )


@dataclass(slots=True)
class _Worth:
    quantity: Decimal
    value: Decimal | None
    unrealised: Decimal | None


class Valuation:
    """Sums over holdings at the newest prices."""

    def __init__(self) -> None:
        self.marks: dict[str, Mark] = {}
        self.values: dict[str, float] = {}
        """Value of each priced holding, signed; for limits, which compute in floats."""
        self.unpriced: dict[str, None] = {}
        """Holdings without a price, in the order they came."""
        self.long = ZERO
        self.short = ZERO
        """Zero or below."""
        self.unrealised = ZERO
        self.changes = 0
        """Grows with each change of a value."""
        self._held: Mapping[str, Held] = {}
        self._worth: dict[str, _Worth] = {}

    @property
    def market_value(self) -> Decimal | None:
        """Return the value of all holdings; None while one has no price."""
        return None if self.unpriced else self.long + self.short

    @property
    def gross(self) -> Decimal:
        """Return long and short added up, both counted above zero."""
        return self.long - self.short

    def begin(self, held: Mapping[str, Held]) -> None:
        """Value these holdings from now on; the mapping is read, not copied."""
        self._held = held
        self._worth.clear()
        self.values.clear()
        self.unpriced.clear()
        self.long = self.short = self.unrealised = ZERO
        for symbol in held:
            self.holding_changed(symbol)
        self.changes += 1

    def forget_prices(self) -> None:
        """Forget all prices: they are another market's or another time's."""
        self.marks.clear()
        self.begin(self._held)

    def take(self, symbol: str, mark: Mark) -> bool:
        """Take a newer price; return whether a holding's value changed."""
        before = self.marks.get(symbol)
        self.marks[symbol] = mark
        if symbol not in self._worth or (before is not None and before.price == mark.price):
            return False
        self.holding_changed(symbol)
        return True

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Put the last price on the basis of the new shares: a split changes no value."""
        mark = self.marks.get(symbol)
        if mark is not None:
            price = mark.price / ratio
            self.marks[symbol] = Mark(
                price=price, value=float(price), at=mark.at, open_at=mark.open_at,
                source=mark.source, session=mark.session, previous_close=None, bid=None, ask=None,
                volume=mark.volume, currency=mark.currency, seq=mark.seq,
            )  # fmt: skip
        self.holding_changed(symbol)

    def holding_changed(self, symbol: str) -> None:
        """Value one holding anew: its quantity, cost or price is another."""
        before = self._worth.pop(symbol, None)
        if before is not None and before.value is not None:
            self._add(-before.value, before.value < 0, before.unrealised)
        self.values.pop(symbol, None)
        self.unpriced.pop(symbol, None)
        self.changes += 1
        held = self._held.get(symbol)
        if held is None or not held.quantity:
            return
        mark = self.marks.get(symbol)
        if mark is None:
            self._worth[symbol] = _Worth(held.quantity, None, None)
            self.unpriced[symbol] = None
            return
        value = held.quantity * mark.price
        gain = value - held.quantity * held.average_cost
        self._worth[symbol] = _Worth(held.quantity, value, gain)
        self.values[symbol] = float(value)
        self._add(value, value < 0, -gain)

    def value_of(self, symbol: str) -> Decimal | None:
        """Return a holding's value; None where it has no price or there is none."""
        worth = self._worth.get(symbol)
        return None if worth is None else worth.value

    def unrealised_of(self, symbol: str) -> Decimal | None:
        """Return what a holding would make if it were sold at the newest price."""
        worth = self._worth.get(symbol)
        return None if worth is None else worth.unrealised

    def _add(self, value: Decimal, is_short: bool, less_unrealised: Decimal | None) -> None:
        if is_short:
            self.short += value
        else:
            self.long += value
        self.unrealised -= less_unrealised or ZERO


def decimal_of(value: float) -> Decimal:
    """Return a price as it is written, not as it is stored in binary."""
    return Decimal(repr(value))


def _optional(value: float | None) -> Decimal | None:
    return None if value is None else decimal_of(value)
