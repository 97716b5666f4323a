"""Where a series is from, and how real it is: what every answer made of it says, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

Intraday = Literal["real", "simulated", "none"]


@dataclass(frozen=True, slots=True)
class Label:
    """As `models.market.Labelled`."""

    source: str
    replay: bool
    intraday: Intraday

    def body(self) -> dict[str, Any]:
        """Return the three fields."""
        return {"source": self.source, "replay": self.replay, "intraday": self.intraday}

    @classmethod
    def of(cls, said: dict[str, Any]) -> Label:
        """Return what an answer of market data says of itself."""
        intraday = cast("Intraday", said.get("intraday") or "real")
        return cls(str(said["source"]), bool(said.get("replay")), intraday)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a series of bars rests on; of another one its prices are not comparable.

    Attributes:
        label: Where it is from.
        splits: What its prices are adjusted for: date and ratio.
    """

    label: Label
    splits: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, label: Label, splits: Iterable[tuple[date, float]]) -> Basis:
        """Return the basis of bars that are adjusted for these splits."""
        return cls(label, tuple(sorted((day.isoformat(), ratio) for day, ratio in splits)))

    def dump(self) -> str:
        """Return it as text, to be compared."""
        return f"{self.label.source} {self.label.replay} {self.label.intraday} {self.splits}"


UNKNOWN = Label("unknown", replay=False, intraday="none")
"""Before market data has said anything."""
