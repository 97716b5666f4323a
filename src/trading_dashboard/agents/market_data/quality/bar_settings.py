"""What a `BarGate` is set to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSettings:
    """Bounds of the gate for bars; moves are log returns from close to close.

    Attributes:
        future_seconds: So far ahead of our clock a bar may begin.
        before_open_seconds, after_close_seconds: Extended hours in which bars are taken; by default
            none, because sources are asked for regular hours.
        jump_factor: A jump is so many times the usual move of the bars before.
        jump_floor_day, jump_floor_hour, jump_floor_minute: Smallest move that may be called a jump,
            for bars of a day and longer, of an hour and longer, and shorter ones.
        wick_floor_day, wick_floor_minute: Smallest distance of a high, low or open from the rest of
            its bar that may be called an outlier, for a day and longer, and for shorter bars.
        longest_excursion: Bars that left a level and returned to it are outliers up to this many.
    """

    future_seconds: float = 5.0
    before_open_seconds: float = 0.0
    after_close_seconds: float = 0.0
    jump_factor: float = 8.0
    jump_floor_day: float = 0.25
    jump_floor_hour: float = 0.10
    jump_floor_minute: float = 0.05
    wick_floor_day: float = 0.70
    wick_floor_minute: float = 0.25
    longest_excursion: int = 5
