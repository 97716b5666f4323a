"""When the gate must be closed, by the facts of a made-up world and by none of the gate's code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from trading_dashboard.models.risk.gate import GateState

STEP = 0.1
STEPS = 400
SLACK = 1e-6
CLOSED_WITHIN = 1.0
SYMBOLS = ("A", "B", "C")
RANK = {GateState.ACTIVE: 0, GateState.REDUCING: 1, GateState.HALTED: 2}
_HALTS = frozenset({"lease", "clock", "store", "kill", "start"})


@dataclass
class Facts:
    """What is so in the world."""

    t: float = 1000.0
    wall_offset: float = 0.0
    market: float = 0.0
    """Market seconds since `MARKET`, as told."""
    era: int = 0
    is_open: bool = True
    is_moving: bool = True
    newest: float | None = 0.0
    heard: float = 1000.0
    drawdown: float = 0.0
    faults: dict[str, float] = field(default_factory=dict)
    """What is broken, and until when."""

    def is_on(self, fault: str) -> bool:
        return self.faults.get(fault, 0.0) > self.t

    @property
    def is_connected(self) -> bool:
        return not self.is_on("death") and not self.is_on("cut")


class Oracle:
    """When the gate must be closed, by the facts alone."""

    def __init__(self, speed: float, max_age: float) -> None:
        self.speed, self.max_age = speed, max_age
        self.latched: dict[str, float] = {"start": 0.0}
        self.durable: set[str] = set()
        self.price_age = 0.0
        """Market seconds since a price came or was due anew."""
        self.price_silence = 0.0
        self.renewed: float | None = None
        self.word = "healthy"
        self.lost = 0.0
        self.trouble_until = -1.0
        self.store_is_known_down = False
        self.restarted_at = 0.0
        self.held: Counter[str] = Counter()
        self.open: dict[str, tuple[str, str, int]] = {}

    def lasting(self, facts: Facts) -> set[str]:
        """Return what holds now."""
        quiet = facts.t - facts.heard > 3.0 + SLACK
        old = self.price_age > self.max_age + SLACK and self.price_silence > 2.0 + SLACK
        due = facts.is_open and facts.is_moving
        found = {
            "stale": quiet or (due and old),
            "upstream": self.word not in ("healthy", "degraded") or self.lost > 0.5 + STEP + SLACK,
            "limit": facts.drawdown > 0.2,
            "lease": self.renewed is None or facts.t >= self.renewed + 3.0 + SLACK,
            "clock": facts.t < self.trouble_until - SLACK,
            "store": self.store_is_known_down,
        }
        return {name for name, holds in found.items() if holds}

    def note(self, facts: Facts) -> None:
        """Latch what holds now, unless the agent has yet to open for the first time."""
        if "start" not in self.latched:
            for name in self.lasting(facts):
                self.latched.setdefault(name, facts.t)

    def must(self, facts: Facts, known_for: float = 0.0) -> GateState:
        """Return how far it must be closed by what has been known for so many seconds."""
        causes = {name for name, since in self.latched.items() if facts.t - since >= known_for}
        if causes & _HALTS:
            return GateState.HALTED
        return GateState.REDUCING if causes else GateState.ACTIVE

    def reduces(self, symbol: str, side: str, quantity: int) -> bool:
        held = self.held[symbol]
        pending = sum(n for name, way, n in self.open.values() if (name, way) == (symbol, side))
        return pending + quantity <= (held if side == "sell" else -held)
