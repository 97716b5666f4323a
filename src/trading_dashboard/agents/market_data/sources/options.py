"""A source's options: each with its kind and bounds, and none that nothing reads.

Owns how a wrong option is told. Which options there are is each source's own.
"""

from __future__ import annotations

import difflib
from zoneinfo import ZoneInfo

from trading_dashboard.agents.market_data.sources.contract import (
    SourceMisconfigured,
    SourceSettings,
)

Given = str | int | float | bool


class SourceOptions:
    """Takes options one by one; `finish` refuses what is left over.

    Every method raises `SourceMisconfigured` for what it cannot take.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self.source = settings.name
        self._given = dict(settings.options)
        self._known: list[str] = []

    def text(self, name: str, default: str, choices: tuple[str, ...] = ()) -> str:
        """Return a text, one of the choices if there are any."""
        value = self._take(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, value, "a text is needed.")
        if choices and value not in choices:
            raise self.wrong(name, value, f"use one of {', '.join(choices)}.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, value, "use true or false.")
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number between two bounds, both allowed."""
        value = self._take(name, default)
        if isinstance(value, (bool, str)) or not low <= value <= high:
            raise self.wrong(name, value, f"a number from {low:g} to {high:g} is needed.")
        return float(value)

    def zone(self, name: str, default: str) -> ZoneInfo:
        """Return a time zone."""
        value = self.text(name, default)
        try:
            return ZoneInfo(value)
        except (KeyError, OSError, ValueError):  # the first is what is not found
            remedy = "no such time zone; use one such as America/New_York."
        raise self.wrong(name, value, remedy)

    def finish(self) -> None:
        """Raise `SourceMisconfigured` if an option was given that the source does not have."""
        for name in self._given:
            near = difflib.get_close_matches(name, self._known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SourceMisconfigured(
                f"Source {self.source!r} has no option {name!r}; its options are "
                f"{', '.join(sorted(self._known)) or 'none'}.{hint}"
            )

    def wrong(self, name: str, value: Given, remedy: str) -> SourceMisconfigured:
        """Return the error that tells a wrong value."""
        shown = repr(value) if len(repr(value)) <= 120 else f"{repr(value)[:119]}…"
        return SourceMisconfigured(
            f"Option {name!r} of source {self.source!r} is {shown}: {remedy}"
        )

    def _take(self, name: str, default: Given) -> Given:
        self._known.append(name)
        return self._given.pop(name, default)
