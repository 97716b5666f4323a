"""The gates of `quality`, as the live market passes what it gets through them.

Owns which context a gate is given and that every verdict is counted for the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trading_dashboard.agents.market_data.quality.bar_gate import BarContext, BarGate
from trading_dashboard.agents.market_data.quality.scorer import Scorer
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.quality.verdicts import TickVerdict
from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Ticks
from trading_dashboard.agents.market_data.sessions import Sessions
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Instrument,
    PastBars,
)
from trading_dashboard.agents.market_data.store.contract import Rejected

_WITHOUT_VOLUME = frozenset({AssetClass.INDEX, AssetClass.FX})


class CountedTicks:
    """A tick gate whose verdicts are counted."""

    def __init__(self, gate: TickGate, scorer: Scorer) -> None:
        self._gate = gate
        self._scorer = scorer

    def check(self, ticks: Ticks) -> TickVerdict:
        """Return what is believed of a batch."""
        verdict = self._gate.check(ticks)
        self._scorer.note_ticks(ticks, verdict)
        return verdict

    def give_up(self) -> Sequence[Rejected]:
        """Return the ticks that wait to be confirmed, at the end."""
        return self._gate.give_up()

    def sort_out(self, ticks: Ticks) -> tuple[Ticks, Sequence[Rejected]]:
        """Return the good ticks and the others with the reason."""
        verdict = self.check(ticks)
        return verdict.good, verdict.bad


class CountedBars:
    """A bar gate whose verdicts are counted."""

    def __init__(
        self,
        gate: BarGate,
        scorer: Scorer,
        sessions_of: Callable[[str], Sessions | None],
        newest_price: Callable[[str, str], float | None],
    ) -> None:
        """Take the gate; `newest_price` returns the last one believed of a source's symbol."""
        self._gate = gate
        self._scorer = scorer
        self._sessions_of = sessions_of
        self._newest_price = newest_price

    def sort_out(
        self, instrument: Instrument, past: PastBars, received: int
    ) -> tuple[Bars, Sequence[CorporateEvent], Sequence[Rejected]]:
        """Return the good bars, in order, the good events, and the others with the reason."""
        has_volume = False if instrument.asset_class in _WITHOUT_VOLUME else None
        context = BarContext(
            now=received,
            sessions=self._sessions_of(instrument.symbol),
            actions=past.actions,
            confirmed_by=self._newest_price(past.bars.source, instrument.symbol),
            has_volume=has_volume,
        )
        verdict = self._gate.check(past.bars, context)
        self._scorer.note_bars(verdict)
        return verdict.good, verdict.actions, verdict.bad
