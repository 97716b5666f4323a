"""Who may answer what, in which order.

Owns the priorities and the one rule of fail-over: only among real sources. Where the preferred
source of an asset class is real, nothing that is not real may ever take its place; where it is not,
nobody takes its place. Knows nothing of how the sources are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from trading_dashboard.agents.market_data.choosing.answers import UnknownSource
from trading_dashboard.agents.market_data.choosing.line import SourceLine
from trading_dashboard.agents.market_data.sources.contract import AssetClass, Capabilities

Need = str
"""What is asked for: ``any``, ``quotes``, ``live``, ``search`` or ``history 1m``."""
Chain = tuple[SourceLine, ...]

_NEEDS: Mapping[str, Callable[[Capabilities], bool]] = {
    "any": lambda _: True,
    "quotes": lambda can: can.has_quotes,
    "live": lambda can: can.live != "none",
    "search": lambda can: can.has_search,
}


class Routing:
    """The lines by name and the order in which they are asked."""

    def __init__(
        self, lines: Iterable[SourceLine], priorities: Mapping[AssetClass, Sequence[str]]
    ) -> None:
        self.lines = {line.name: line for line in lines}
        self._priorities = dict(priorities)
        self._chains: dict[tuple[AssetClass | None, Need], Chain] = {}
        for asset_class, names in self._priorities.items():
            if unknown := [name for name in names if name not in self.lines]:
                raise UnknownSource(
                    f"The priorities for {asset_class} name {', '.join(unknown)}, "
                    f"and the enabled sources are {', '.join(self.lines)}"
                )

    def chain(self, asset_class: AssetClass | None, need: Need) -> Chain:
        """Return who may answer, the preferred one first; None is whatever the asset class."""
        key = (asset_class, need)
        chain = self._chains.get(key)
        if chain is None:
            chain = self._chains[key] = self._made(asset_class, need)
        return chain

    def pinned(self, name: str) -> Chain:
        """Return one source alone. Raises `UnknownSource`."""
        line = self.lines.get(name)
        if line is None:
            raise UnknownSource(f"'{name[:64]}' is none of the sources {', '.join(self.lines)}")
        return (line,)

    def _made(self, asset_class: AssetClass | None, need: Need) -> Chain:
        names = list(self.lines)
        if asset_class is not None:
            names = list(self._priorities.get(asset_class, names))
        ordered = [
            line
            for line in map(self.lines.__getitem__, names)
            if asset_class is None or asset_class in line.capabilities.asset_classes
        ]
        return tuple(line for line in _equals(ordered) if _offers(line.capabilities, need))


def _equals(ordered: list[SourceLine]) -> list[SourceLine]:
    """Return the lines that may stand in for the first: real ones for a real one, else nobody."""
    if not ordered or not ordered[0].capabilities.is_real:
        return ordered[:1]
    return [line for line in ordered if line.capabilities.is_real]


def _offers(capabilities: Capabilities, need: Need) -> bool:
    kind, _, interval = need.partition(" ")
    if kind == "history":
        return interval in capabilities.intervals
    return _NEEDS[kind](capabilities)
