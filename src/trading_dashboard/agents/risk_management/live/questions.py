"""Questions about risk: what is held is taken here, what it means is computed elsewhere.

Owns which history a question needs and how its answer is labelled. Answers come back as JSON that
is already written and only gets its label here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Sequence
from typing import Any

import orjson

from trading_dashboard.agents.risk_management.live.account import LiveAccount
from trading_dashboard.agents.risk_management.live.asked import (
    RECKON,
    Histories,
    Portfolio,
    Prices,
    Terms,
)
from trading_dashboard.agents.risk_management.live.heavy import Heavy
from trading_dashboard.agents.risk_management.live.history import DailyHistory
from trading_dashboard.agents.risk_management.live.memory import Curve
from trading_dashboard.agents.risk_management.live.telling import Telling
from trading_dashboard.models.errors import DataUnavailable, UnknownSymbol
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData, RiskUnavailable
from trading_dashboard.models.risk.measures import (
    Holding,
    RiskQuestion,
    SizingQuestion,
    StressQuestion,
    VarMethod,
)
from trading_dashboard.models.risk.settings import RiskSettings

SAME_SECONDS = 1.0
"""Questions about the account within so long are one: prices have hardly moved."""
BACKTEST_SECONDS = 600.0
"""A back-test stays what it is for as long as the history and the holdings do; only weights move
with prices, and the answer says as of when they are."""
ALL_METHODS_SECONDS = 60.0
"""For one request; what has been computed by then is kept, so that asking again goes on there."""


class Questions:
    """Answers of one account's agent."""

    def __init__(
        self,
        account: LiveAccount,
        telling: Telling,
        history: DailyHistory,
        heavy: Heavy,
        curve: Curve,
        settings: RiskSettings,
    ) -> None:
        self._account = account
        self._telling = telling
        self._history = history
        self._heavy = heavy
        self._curve = curve
        self._settings = settings

    # The account's

    async def portfolio(
        self, confidence: float | None, horizon_days: int | None, window: int | None
    ) -> bytes:
        """Return the account's measures.

        Raises:
            DataUnavailable: Market data has not answered, or a holding has no price.
            RiskBusy, RiskUnavailable.
        """
        terms = Terms(
            confidence=confidence or self._settings.confidence,
            horizon_days=horizon_days or self._settings.horizon_days,
            window=window or self._settings.window,
            benchmark=self._settings.benchmark,
        )
        head = self._account_head(terms)
        held = self._held()
        return await self._risk(held, terms, head, ("account", self._moment()))

    async def backtest(
        self,
        symbol: str | None,
        method: VarMethod | None,
        confidence: float | None,
        window: int | None,
    ) -> bytes:
        """Return VaR held against what came, of a symbol or of the account's holdings.

        Raises:
            UnknownSymbol, NotEnoughData, DataUnavailable, RiskBusy, RiskUnavailable.
        """
        held = self._held() if symbol is None else self._one(self._known(symbol))
        if not held.symbols:
            raise NotEnoughData(
                "The account holds nothing whose VaR could be tested.",
                subject="account",
                next_step="Name a symbol.",
            )
        methods = tuple(VarMethod) if method is None else (method,)
        subject, note = held.symbols[0], None
        if symbol is None:
            subject = "portfolio"
            note = f"Weighted as held at {self._account.as_of:%Y-%m-%d %H:%M} UTC."
        histories = await self._histories(held.symbols)
        rows: list[bytes] = []
        try:
            async with asyncio.timeout(ALL_METHODS_SECONDS):
                for one in methods:  # one after the other: other questions come in between
                    terms = Terms(
                        confidence=confidence or self._settings.confidence,
                        window=window or self._settings.window,
                        methods=(one,),
                    )
                    rows.append(await self._backtest(held, terms, (subject, note), histories))
        except TimeoutError:
            raise RiskUnavailable(
                f"The back-tests take more than {ALL_METHODS_SECONDS:g} s.",
                subject=subject,
                observed=f"{len(rows)} of {len(methods)} methods are done",
                next_step="Ask again: what is done is kept. Or ask for one method.",
            ) from None
        return joined(self._telling.label(), b'{"backtests":[' + b",".join(rows) + b"]}")

    async def _backtest(
        self, held: Portfolio, terms: Terms, about: tuple[str, str | None], histories: Histories
    ) -> bytes:
        subject, note = about
        seq = self._account.book.seq if note else 0
        key = ("backtest", subject, terms, seq, self._account.label)
        return await self._ask(
            key, "backtest", histories, held, terms, subject, note, keep_seconds=BACKTEST_SECONDS
        )

    async def stress(self, question: StressQuestion | None) -> bytes:
        """Return what scenarios do to the account, or to the holdings that are asked about.

        Raises:
            InvalidScenario, UnknownSymbol, DataUnavailable, RiskBusy, RiskUnavailable.
        """
        is_own = question is not None and question.holdings is not None
        held = self._held()
        if question is not None and question.holdings is not None:
            held = self._own(question.holdings, 0.0)
        head = {**self._telling.label(), "equity": held.equity}
        histories = await self._histories(held.symbols)
        # What is asked is part of the key as its text: models with mappings cannot be hashed.
        text = None if question is None else question.model_dump_json()
        key = ("stress", text, held if is_own else self._moment())
        inner = await self._ask(key, "stress", histories, held, question, self._terms())
        return joined(head, inner)

    # One's own

    async def calculate(self, question: RiskQuestion) -> bytes:
        """Return the measures of holdings that are sent.

        Raises:
            UnknownSymbol, NotEnoughData, DataUnavailable, RiskBusy, RiskUnavailable.
        """
        held = self._own(question.holdings, question.cash)
        terms = Terms(
            confidence=question.confidence,
            horizon_days=question.horizon_days,
            window=question.window,
            methods=tuple(question.methods) or tuple(VarMethod),
            paths=question.paths,
            seed=question.seed,
            benchmark=self._settings.benchmark,
        )
        head = {
            **self._telling.label(),
            "equity": held.equity,
            "gross": sum(abs(value) for value in held.values),
            "net": sum(held.values),
            "confidence": terms.confidence,
            "horizon_days": terms.horizon_days,
            "is_stale": any(self._account.is_stale(symbol) for symbol in held.symbols),
        }
        return await self._risk(held, terms, head, ("own", held))

    async def size(self, question: SizingQuestion) -> bytes:
        """Return how big a position should be.

        Raises:
            InvalidScenario, NotEnoughData, UnknownSymbol, DataUnavailable, RiskBusy.
        """
        names = [self._known(symbol) for symbol in question.symbols]
        symbol = None if question.symbol is None else self._known(question.symbol)
        asked = question.model_copy(update={"symbol": symbol, "symbols": names})
        equity = self._account.equity
        if equity is None:
            raise self._unpriced()
        wanted = [*names, *([symbol] if symbol else [])]
        marks = self._account.valuation.marks
        prices = {name: marks[name].value for name in wanted if name in marks}
        head = self._telling.label()
        histories = await self._histories(wanted)
        key = ("size", asked.model_dump_json(), self._moment())
        now = Prices(equity, prices, self._settings.window)
        return joined(head, await self._ask(key, "sizes", histories, asked, now))

    # Private

    async def _risk(
        self, held: Portfolio, terms: Terms, head: dict[str, Any], what: Hashable
    ) -> bytes:
        histories = await self._histories(held.symbols)
        inner = await self._ask(("risk", what, terms), "portfolio", histories, held, terms)
        return joined(head, inner)

    async def _ask(
        self,
        key: tuple[Hashable, ...],
        function: str,
        histories: Histories,
        *arguments: Any,
        keep_seconds: float = SAME_SECONDS,
    ) -> bytes:
        answer: bytes = await self._heavy.ask(
            (*key, histories.version),
            f"{RECKON}:{function}",
            (histories.version, histories),
            *arguments,
            keep_seconds=keep_seconds,
        )
        return answer

    async def _histories(self, symbols: Sequence[str]) -> Histories:
        wanted = list(symbols)
        if self._settings.benchmark is not None:
            wanted.append(self._settings.benchmark)
        if not wanted:
            return Histories((0, 0), {})
        return await self._history.of(wanted)

    def _terms(self) -> Terms:
        settings = self._settings
        return Terms(settings.confidence, settings.horizon_days, settings.window)

    def _account_head(self, terms: Terms) -> dict[str, Any]:
        summary = self._telling.summary()
        return {
            **self._telling.label(),
            "seq": summary["seq"],
            "equity": self._account.equity,
            "gross": _number(summary["gross"]),
            "net": _number(summary["net"]),
            "confidence": terms.confidence,
            "horizon_days": terms.horizon_days,
            "is_sample": summary["is_sample"],
            "is_stale": bool(summary["stale"]),
        }

    def _held(self) -> Portfolio:
        """Return the account's holdings.

        Raises:
            DataUnavailable: One has no price.
        """
        account = self._account
        if account.valuation.unpriced or account.clock.state is None:
            raise self._unpriced()
        symbols = tuple(account.book.positions)
        return Portfolio(
            symbols,
            tuple(account.valuation.values[symbol] for symbol in symbols),
            tuple(float(account.book.quantity(symbol)) for symbol in symbols),
            account.equity,
            self._curve.points,
        )

    def _own(self, holdings: Sequence[Holding], cash: float) -> Portfolio:
        """Return holdings of one's own at the newest prices.

        Raises:
            UnknownSymbol: Market data does not serve one.
            InvalidScenario: One is named twice.
            DataUnavailable: One has no price.
        """
        quantities: dict[str, float] = {}
        for holding in holdings:
            symbol = self._known(holding.symbol)
            if symbol in quantities:
                raise InvalidScenario(
                    f"{symbol} is held twice.",
                    subject=symbol,
                    next_step="Add the two quantities.",
                )
            quantities[symbol] = holding.quantity
        marks = self._account.valuation.marks
        missing = [symbol for symbol in quantities if symbol not in marks]
        if missing:
            raise self._unpriced(missing)
        values = {symbol: units * marks[symbol].value for symbol, units in quantities.items()}
        return Portfolio(
            tuple(quantities), tuple(values.values()), tuple(quantities.values()),
            cash + sum(values.values()),
        )  # fmt: skip

    def _one(self, symbol: str) -> Portfolio:
        return Portfolio((symbol,), (1.0,), (1.0,), 1.0)

    def _known(self, symbol: str) -> str:
        """Return a symbol as market data spells it.

        Raises:
            UnknownSymbol: It does not serve it.
            DataUnavailable: Market data has not answered.
        """
        for name in (symbol, symbol.upper()):
            if self._account.knows(name):
                return name
        if self._account.clock.state is None:
            raise self._unpriced([symbol])
        raise UnknownSymbol(
            f"Symbol '{symbol[:32]}' is not known at the market clock.",
            subject=symbol[:32],
            observed=f"{len(self._account.listed)} symbols",
            next_step="GET /symbols of the market data agent lists all.",
        )

    def _unpriced(self, symbols: Sequence[str] = ()) -> DataUnavailable:
        missing = list(symbols) or list(self._account.valuation.unpriced)
        return DataUnavailable(
            "Prices have not come yet: what is held cannot be valued.",
            subject=missing[0] if missing else "market_data",
            observed=", ".join(missing[:5]) or "no word of market data",
            next_step="Look at the market data agent's status and log.",
        )

    def _moment(self) -> tuple[int, int]:
        """Return what is the same for the same holdings within a moment."""
        return self._account.book.seq, int(time.monotonic() / SAME_SECONDS)


def joined(head: dict[str, Any], inner: bytes) -> bytes:
    """Return one JSON object of a label and parts that are written already."""
    return orjson.dumps(head)[:-1] + b"," + inner[1:]


def _number(value: str | None) -> float | None:
    return None if value is None else float(value)
