"""Why a row is not believed: stable codes, words for people, and the score each one lowers.

Owns the vocabulary of quarantine. docs/market-data/quality.md lists it; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """The codes of `Rejected.reason`."""

    UNREADABLE = "unreadable"
    UNKNOWN_COLUMN = "unknown_symbol_index"
    NOT_FINITE = "not_finite"
    NOT_POSITIVE = "not_positive"
    NEGATIVE_SIZE = "negative_size"
    NEGATIVE_VOLUME = "negative_volume"
    NO_TIME = "no_time"
    IN_FUTURE = "in_future"
    TOO_OLD = "too_old"
    TOO_LATE = "too_late"
    OUTSIDE_SESSIONS = "outside_sessions"
    NOT_ALIGNED = "not_aligned"
    HIGH_BELOW_LOW = "high_below_low"
    OUTSIDE_RANGE = "outside_high_low"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting_duplicate"
    OUTLIER = "outlier"
    UNCONFIRMED = "outlier_unconfirmed"
    SPLIT_NOT_LISTED = "split_not_listed"
    SPLIT_NOT_VISIBLE = "split_not_visible"
    BAD_ACTION = "bad_action"
    FLAT = "flat_without_volume"


class ScorePart(StrEnum):
    """The parts of a score."""

    COMPLETENESS = "completeness"
    ACCURACY = "accuracy"
    TIMELINESS = "timeliness"
    CONSISTENCY = "consistency"
    VALIDITY = "validity"
    UNIQUENESS = "uniqueness"


LOWERS: Mapping[Reason, ScorePart] = {
    Reason.UNREADABLE: ScorePart.VALIDITY,
    Reason.UNKNOWN_COLUMN: ScorePart.VALIDITY,
    Reason.NOT_FINITE: ScorePart.VALIDITY,
    Reason.NOT_POSITIVE: ScorePart.VALIDITY,
    Reason.NEGATIVE_SIZE: ScorePart.VALIDITY,
    Reason.NEGATIVE_VOLUME: ScorePart.VALIDITY,
    Reason.NO_TIME: ScorePart.VALIDITY,
    Reason.IN_FUTURE: ScorePart.VALIDITY,
    Reason.OUTSIDE_SESSIONS: ScorePart.VALIDITY,
    Reason.NOT_ALIGNED: ScorePart.VALIDITY,
    Reason.FLAT: ScorePart.VALIDITY,
    Reason.TOO_OLD: ScorePart.TIMELINESS,
    Reason.TOO_LATE: ScorePart.TIMELINESS,
    Reason.HIGH_BELOW_LOW: ScorePart.CONSISTENCY,
    Reason.OUTSIDE_RANGE: ScorePart.CONSISTENCY,
    Reason.CONFLICTING: ScorePart.CONSISTENCY,
    Reason.DUPLICATE: ScorePart.UNIQUENESS,
    Reason.OUTLIER: ScorePart.ACCURACY,
    Reason.UNCONFIRMED: ScorePart.ACCURACY,
    Reason.SPLIT_NOT_LISTED: ScorePart.ACCURACY,
    Reason.SPLIT_NOT_VISIBLE: ScorePart.ACCURACY,
    Reason.BAD_ACTION: ScorePart.ACCURACY,
}
"""Which part of the score a row of this reason lowers."""

WORDS: Mapping[Reason, str] = {
    Reason.UNREADABLE: "the columns have different lengths, or are no numbers",
    Reason.UNKNOWN_COLUMN: "it points to no symbol of its batch, or to one too many",
    Reason.NOT_FINITE: "a price or an amount is NaN or infinite",
    Reason.NOT_POSITIVE: "a price is zero or negative",
    Reason.NEGATIVE_SIZE: "the size is negative",
    Reason.NEGATIVE_VOLUME: "the volume is negative",
    Reason.NO_TIME: "it has no time that can be read",
    Reason.IN_FUTURE: "its time is in the future",
    Reason.TOO_OLD: "its time is far too long ago",
    Reason.TOO_LATE: "it came long after newer ones",
    Reason.OUTSIDE_SESSIONS: "the exchange was closed then",
    Reason.NOT_ALIGNED: "no bar of this interval begins then",
    Reason.HIGH_BELOW_LOW: "the high is below the low",
    Reason.OUTSIDE_RANGE: "the open or the close is not between low and high",
    Reason.DUPLICATE: "the same symbol, time, price and size came before",
    Reason.CONFLICTING: "several rows for the same time contradict each other",
    Reason.OUTLIER: "the price is far from those before and after it",
    Reason.UNCONFIRMED: "the price is far from those before, and nothing after it says it is right",
    Reason.SPLIT_NOT_LISTED: "the price jumps as in a split, but none is listed",
    Reason.SPLIT_NOT_VISIBLE: "a split is listed, but the prices do not jump",
    Reason.BAD_ACTION: "the ratio or the amount cannot be",
    Reason.FLAT: "flat at the last close and without volume: a filler, no trade",
}
"""For people: a clause."""
