"""Stretches without live prices while a market was open: when they began, ended, and why.

Owns what is lost now, symbol by symbol, and the events of it. An outage is what a viewer saw: it
ends when any source delivers the symbol again, and closed hours are none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from trading_dashboard.agents.market_data.choosing.events import (
    MAX_SYMBOLS,
    EventKind,
    EventLog,
    SourceEvent,
)

Cause = Literal["source_down", "source_silent"]


@dataclass(frozen=True, slots=True)
class Loss:
    """Why symbols are not delivered, and since when."""

    source: str
    start: int
    cause: Cause
    detail: str


class Outages:
    """The symbols that are not delivered now."""

    def __init__(
        self, log: EventLog, now: Callable[[], int], is_open: Callable[[str], bool]
    ) -> None:
        self._log = log
        self._now = now
        self._is_open = is_open
        self._announced: dict[str, Loss] = {}
        self._waiting: dict[str, Loss] = {}
        """Lost while its market was closed: an outage from the open on."""

    def __len__(self) -> int:
        return len(self._announced)

    def began(self, symbols: Iterable[str], loss: Loss) -> None:
        """Note that symbols are lost, unless they already were."""
        fresh = [each for each in symbols if each not in self._announced]
        for symbol in fresh:
            self._waiting.setdefault(symbol, loss)
        self._announce(fresh, keep_start=True)

    def check(self) -> None:
        """Begin the outages of what was lost before its market opened."""
        if self._waiting:
            self._announce(list(self._waiting), keep_start=False)

    def heard(self, symbols: Iterable[str], detail: str = "") -> None:
        """End the outages of symbols that are delivered again, or not wanted any more."""
        if not self._announced and not self._waiting:
            return
        ended: dict[Loss, list[str]] = defaultdict(list)
        for symbol in symbols:
            self._waiting.pop(symbol, None)
            loss = self._announced.pop(symbol, None)
            if loss is not None:
                ended[loss].append(symbol)
        for loss, names in ended.items():
            self._tell(EventKind.OUTAGE_ENDED, loss, names, self._now(), detail)

    def _announce(self, symbols: Sequence[str], *, keep_start: bool) -> None:
        now = self._now()
        begun: dict[Loss, list[str]] = defaultdict(list)
        for symbol in symbols:
            loss = self._waiting.get(symbol)
            if loss is None or not self._is_open(symbol):
                continue
            del self._waiting[symbol]
            if not keep_start:
                loss = Loss(loss.source, now, loss.cause, loss.detail)
            self._announced[symbol] = loss
            begun[loss].append(symbol)
        for loss, names in begun.items():
            self._tell(EventKind.OUTAGE_BEGAN, loss, names, None, loss.detail)

    def _tell(
        self, kind: EventKind, loss: Loss, names: Sequence[str], end: int | None, detail: str
    ) -> None:
        # Whoever records gaps needs every symbol: a long list becomes several events.
        for at in range(0, len(names), MAX_SYMBOLS):
            part = tuple(names[at : at + MAX_SYMBOLS])
            self._log.add(
                SourceEvent(
                    kind=kind,
                    source=loss.source,
                    at=self._now(),
                    symbols=part,
                    symbol_count=len(part),
                    start=loss.start,
                    end=end,
                    cause=loss.cause,
                    detail=detail,
                )
            )
