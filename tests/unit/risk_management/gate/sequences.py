"""Faults in random order, in virtual time, against an oracle of when the gate must be closed.

Owns a world (feed, supervisor, clocks, store, account) that goes wrong by a seed, and the parts of
the agent under test put together as the agent does it. The oracle is `oracle`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random

from tests.unit.risk_management.gate.moments import MARKET, START, journal, renewal
from tests.unit.risk_management.gate.oracle import (
    CLOSED_WITHIN,
    RANK,
    STEP,
    STEPS,
    SYMBOLS,
    Facts,
    Oracle,
)
from tests.unit.risk_management.limits.accounts import Account, order
from trading_dashboard.agents.risk_management.gate.causes import GateChange
from trading_dashboard.agents.risk_management.gate.gate import Gate, first_opening
from trading_dashboard.agents.risk_management.gate.keeper import Gatekeeper, GateRules
from trading_dashboard.agents.risk_management.gate.moment import MarketNow, Moment
from trading_dashboard.agents.risk_management.limits.check import PreTradeCheck
from trading_dashboard.agents.risk_management.limits.limits import LimitBook, breaches
from trading_dashboard.models.risk.account import Side
from trading_dashboard.models.risk.errors import ReopeningRefused
from trading_dashboard.models.risk.gate import GateState, Limit, LimitKind


class Sequence:
    """One world with one agent in it, for `STEPS` steps of virtual time."""

    def __init__(self, seed: int, sabotage: Callable[[Gatekeeper], None] | None = None) -> None:
        self.random = Random(seed)
        self._sabotage = sabotage
        speed, max_age = self.random.choice(((60.0, 60.0), (1.0, 2.5)))
        self.rules = GateRules(max_age_seconds=max_age)
        self.facts, self.oracle = Facts(), Oracle(speed, max_age)
        self.account = Account(1e9, **dict.fromkeys(SYMBOLS, 100.0))
        limit = Limit(kind=LimitKind.DRAWDOWN, hard=0.2, unit="fraction")
        self.check = PreTradeCheck(LimitBook([limit]))
        self.entries = journal([first_opening("new account", "setup")])
        self.unwritten: list[GateChange] = []
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.keeper = self._start()

    # Running.

    def run(self) -> None:
        """Let everything go wrong, then let all be well: it must have closed, and must open."""
        for _ in range(STEPS):
            self._pass()
            if self.random.random() < 0.08:
                self._break()
                self._after_look()
            for _ in range(self.random.choice((0, 0, 1, 3))):
                self._order()
            if self.random.random() < 0.1:
                self._settle_orders()
            if self.random.random() < 0.04:
                self._reopen()
        self.facts.faults.clear()
        self.facts.drawdown = 0.0
        self.facts.is_open = self.facts.is_moving = True
        for _ in range(100):
            self._pass()
        if self.keeper.gate.state is not GateState.ACTIVE:
            self._reopen(is_looking=True)
        if self.keeper.gate.state is not GateState.ACTIVE:
            self.violations.append(f"stays closed though all is well: {self.keeper.gate.causes}")

    def _pass(self) -> None:
        """One step of time: what comes in comes in, and the agent looks."""
        facts, oracle = self.facts, self.oracle
        facts.t += STEP
        is_fed = facts.is_connected and not facts.is_on("deaf")
        oracle.price_silence += STEP
        if is_fed:
            facts.heard = facts.t
            if facts.is_moving:
                facts.market += STEP * oracle.speed
                oracle.price_age += STEP * oracle.speed
            if facts.is_open and facts.is_moving and not facts.is_on("silence"):
                facts.newest = facts.market
                oracle.price_age = oracle.price_silence = 0.0
        oracle.lost = 0.0 if facts.is_connected else oracle.lost + STEP
        if not facts.is_on("orphan") and round(facts.t / STEP) % 10 == 0:
            self._renew()
        if self.keeper.gate.is_starting and not facts.is_on("disk"):
            self.keeper.store.succeeded()  # the agent tries again and again
            self.oracle.store_is_known_down = False
        self._value()
        self._after_look()

    def _value(self) -> None:
        """Value the account anew and look at its limits, as after each tick."""
        self.account.drawdown = self.facts.drawdown
        states = self.check.limits.evaluate(self.account, self.check.pace, self.facts.t)
        self.oracle.note(self.facts)
        self.keeper.limits_seen(breaches(states), self.moment)

    def _after_look(self) -> None:
        """Journal what is to be journalled, and hold the gate against the oracle."""
        if "start" in self.oracle.latched and not self.keeper.gate.is_starting:
            lasting = self.oracle.lasting(self.facts) - {"limit"}
            if lasting:
                self.violations.append(f"{self._now}: it started though {lasting} lasts")
            del self.oracle.latched["start"]
            self.oracle.note(self.facts)
        self.unwritten += self.keeper.gate.take_changes()
        if self.unwritten:
            self._write()
        must = self.oracle.must(self.facts, CLOSED_WITHIN)
        if RANK[self.keeper.gate.state] < RANK[must]:
            self.violations.append(f"{self._now}: still {self.keeper.gate.state}, must be {must}")
        self.counts[f"looks {self.keeper.gate.state.value}"] += 1

    def _write(self) -> bool:
        """Write to the journal; what fails halts at once."""
        if self.facts.is_on("disk"):
            self.oracle.store_is_known_down = True
            self.oracle.note(self.facts)
            self.keeper.store.failed("no space left")
            self.keeper.look(self.moment)
            self.unwritten += self.keeper.gate.take_changes()
            return False
        self.entries += journal(self.unwritten, first=len(self.entries) + 1)
        self.unwritten.clear()
        self.oracle.store_is_known_down = False
        self.oracle.durable = set(self.oracle.latched) - {"start"}
        self.keeper.store.succeeded()
        return True

    # What goes wrong, and what people do.

    def _break(self) -> None:
        name = self.random.choice(
            ("silence", "deaf", "death", "cut", "orphan", "disk", "wall", "fall", "jump", "pause",
             "close", "breach", "kill", "restart", "restart", "heal", "heal", "heal", "heal")
        )  # fmt: skip
        self.counts[name] += 1
        act = getattr(self, f"_{name}", None)
        if act is not None:
            act()
        else:
            self.facts.faults[name] = self.facts.t + self.random.choice((0.3, 1.0, 2.5, 6.0))
            if name == "death" and not self.facts.is_on("orphan"):
                self._renew()  # the supervisor sees the process end

    def _renew(self) -> None:
        self.oracle.word = "backoff" if self.facts.is_on("death") else "healthy"
        self.oracle.renewed = self.facts.t
        self.oracle.note(self.facts)
        self.keeper.renew(renewal(health=self.oracle.word), self.moment)

    def _wall(self) -> None:
        self.facts.wall_offset += self.random.choice((-3600.0, -1.5, 1.5, 40.0))
        self._clock_trouble()

    def _fall(self) -> None:
        if self.facts.is_connected and not self.facts.is_on("deaf"):
            self.facts.market -= 50.0 * self.oracle.speed
            self.facts.newest = None
            self._clock_trouble()

    def _clock_trouble(self) -> None:
        """Known at the next look, which a halt may precede; over when all was well for 5 s."""
        self.oracle.trouble_until = self.facts.t + 5.0
        self.oracle.note(self.facts)
        self.keeper.look(self.moment)

    def _jump(self) -> None:
        self.facts.era += 1
        self.facts.market += self.random.choice((-5000.0, 5000.0))
        self.facts.newest = None
        self._due_anew()

    def _pause(self) -> None:
        self.facts.is_moving = not self.facts.is_moving
        self._due_anew()

    def _close(self) -> None:
        self.facts.is_open = not self.facts.is_open
        self._due_anew()

    def _due_anew(self) -> None:
        self.oracle.price_age = self.oracle.price_silence = 0.0
        self.keeper.look(self.moment)

    def _breach(self) -> None:
        self.facts.drawdown = 0.3
        self._value()

    def _heal(self) -> None:
        self.facts.faults.clear()
        self.facts.drawdown = 0.0
        self.facts.is_open = self.facts.is_moving = True
        self.oracle.lost = 0.0
        self._due_anew()
        self._value()

    def _kill(self) -> None:
        self.keeper.kill("stop", "operator", self.moment)
        self.oracle.latched.setdefault("kill", self.facts.t)
        self._after_look()

    def _restart(self) -> None:
        """The process is killed; what was not durable is lost with it."""
        self.unwritten.clear()
        oracle = self.oracle
        oracle.latched = {"start": self.facts.t, **dict.fromkeys(oracle.durable, self.facts.t)}
        oracle.renewed, oracle.word, oracle.trouble_until = None, "healthy", -1.0
        oracle.store_is_known_down = False
        oracle.lost = 0.0
        self.keeper = self._start()
        self._due_anew()

    def _start(self) -> Gatekeeper:
        keeper = Gatekeeper(Gate(self.moment.wall), self.rules)
        if self._sabotage is not None:
            self._sabotage(keeper)
        keeper.gate.restore(self.entries, self.moment.wall)
        if not self.facts.is_on("disk"):
            keeper.store.succeeded()
        return keeper

    def _reopen(self, *, is_looking: bool | None = None) -> None:
        gate, facts = self.keeper.gate, self.facts
        if is_looking is None:
            is_looking = self.random.random() < 0.8
        seen = gate.seq if is_looking else max(0, gate.seq - 1)
        try:
            asked = self.keeper.ask_reopening("go on", "operator", seen, self.moment)
            self.unwritten += [*gate.take_changes(), asked.change]
            if not self._write():
                self.unwritten.remove(asked.change)
                return
            self.keeper.reopen(asked, self.moment)
        except ReopeningRefused:
            self.counts["reopening refused"] += 1
            return
        self.counts["reopened"] += 1
        lasting = self.oracle.lasting(facts)
        if lasting or "start" in self.oracle.latched:
            self.violations.append(f"{self._now}: reopened while {lasting} lasts")
        self.oracle.latched.clear()
        self.oracle.durable.clear()

    # Orders.

    def _order(self) -> None:
        oracle, random = self.oracle, self.random
        symbol, quantity = random.choice(SYMBOLS), random.choice((1, 20, 60, 100))
        side: Side = random.choice(("buy", "sell"))
        order_id = f"{self.facts.t:.1f}-{len(oracle.open)}-{random.random()}"
        oracle.note(self.facts)
        must, reduces = oracle.must(self.facts), oracle.reduces(symbol, side, quantity)
        ticket = order(side, str(quantity), symbol)
        result = self.check.admit(order_id, ticket, self.account, self.keeper, self.moment)
        self.unwritten += self.keeper.gate.take_changes()
        if not result.allowed:
            self.counts["denied"] += 1
            return
        if not self._write():
            self.check.release(order_id, self.account)
            return
        oracle.open[order_id] = (symbol, side, quantity)
        self.counts["reduced" if must is GateState.REDUCING else "let through"] += 1
        if must is GateState.HALTED or (must is GateState.REDUCING and not reduces):
            text = f"{side} {quantity} {symbol} of {oracle.held[symbol]} held"
            self.violations.append(f"{self._now}: let through in {must}: {text}")

    def _settle_orders(self) -> None:
        """Fill or cancel what is open, whole."""
        for order_id, (symbol, side, quantity) in list(self.oracle.open.items()):
            if self.random.random() < 0.5:
                self.oracle.held[symbol] += quantity if side == "buy" else -quantity
                self.account.hold(symbol, str(self.oracle.held[symbol]))
            self.account.exposure.release(order_id)
            del self.oracle.open[order_id]

    @property
    def moment(self) -> Moment:
        facts = self.facts
        wall = START + timedelta(seconds=facts.t + facts.wall_offset)
        newest = None if facts.newest is None else MARKET + timedelta(seconds=facts.newest)
        market = MarketNow(
            connected=facts.is_connected,
            heard=facts.heard,
            now=MARKET + timedelta(seconds=facts.market),
            era=facts.era,
            speed=self.oracle.speed,
            is_open=facts.is_open,
            is_moving=facts.is_moving,
            newest=newest,
        )
        return Moment(wall=wall, monotonic=facts.t, market=market)

    @property
    def _now(self) -> str:
        return f"at {self.facts.t:.1f} s, {sorted(self.oracle.latched)}"


def without(kind: str) -> Callable[[Gatekeeper], None]:
    """Return a sabotage: the gate without one of its watches."""

    def sabotage(keeper: Gatekeeper) -> None:
        left = tuple(watch for watch in keeper._watches if watch.kind.value != kind)
        assert len(left) == len(keeper._watches) - 1
        keeper._watches = left

    return sabotage


def forgetful(keeper: Gatekeeper) -> None:
    """A sabotage: causes are not latched, they go when they end."""
    gate = keeper.gate
    end = gate._end

    def forget(keys, at, market_time):  # type: ignore[no-untyped-def]
        end(keys, at, market_time)
        for key in keys:
            del gate._causes[key]
        gate._settle(at)

    gate._end = forget  # type: ignore[method-assign]
