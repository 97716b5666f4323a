"""What a `TickGate` is set to."""

from __future__ import annotations

from dataclasses import dataclass

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSettings:
    """Bounds of the gate for ticks; times in seconds.

    Attributes:
        future_seconds: So far ahead of our clock a tick may be.
        max_age_seconds: Older than this when it arrives is no live tick at all. Long enough for the
            last price before a long weekend.
        late_seconds: So much older than the newest of its symbol a tick may be; it amends a bar.
        before_open_seconds, after_close_seconds: Extended hours, in which ticks are taken and
            marked. By default those of New York: 04:00 to 20:00.
        any_hours: Take ticks at any time; the marks are made all the same.
        jump_floor: Smallest move, as a log return, that may be called a jump.
        jump_cap: Largest move that may go without confirmation however long nothing came before.
        jump_factor: A jump is so many times the usual move from tick to tick.
        memory: Weight of the newest tick in what is usual.
        confirmations: Ticks made at different times that have to agree on a new level.
        max_waiting: Ticks of one symbol that wait for confirmation at most.
        max_symbols: Symbols the gate remembers at most; ticks of others are refused.
    """

    future_seconds: float = 5.0
    max_age_seconds: float = 30 * DAY_SECONDS
    late_seconds: float = 3600.0
    before_open_seconds: float = 5.5 * 3600
    after_close_seconds: float = 4.0 * 3600
    any_hours: bool = False
    jump_floor: float = 0.03
    jump_cap: float = 0.20
    jump_factor: float = 12.0
    memory: float = 0.02
    confirmations: int = 3
    max_waiting: int = 256
    max_symbols: int = 100_000
