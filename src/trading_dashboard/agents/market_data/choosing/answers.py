"""What whoever asks the desk gets: an answer with its source and age, or why there is none.

Owns the shapes of answers and the failures that are the desk's own: what was not asked at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    SourceFailure,
    UnknownToSource,
)

T = TypeVar("T")

MAX_TEXT = 300
"""Characters kept of what a source says of its failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A source that should have answered and did not."""

    source: str
    code: str
    reason: str

    @classmethod
    def of(cls, source: str, failure: SourceFailure) -> PassedOver:
        """Return the source with what failed."""
        return cls(source=source, code=failure.code, reason=str(failure)[:MAX_TEXT])


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAnswer(Generic[T]):
    """What one source said.

    Attributes:
        at: When it said so, microseconds since 1970 UTC.
        age_seconds: How long ago that was when this was handed out.
        failed: The sources before it, and why they were passed over.
    """

    source: str
    value: T
    at: int
    is_cached: bool = False
    age_seconds: float = 0.0
    failed: Sequence[PassedOver] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFound:
    """Instruments that fit a text, without duplicates; `sources` says who offers each symbol."""

    instruments: Sequence[Instrument]
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    failed: Sequence[PassedOver] = ()


class NotAsked(SourceFailure):
    """The source was not asked; asking now would be wrong or useless."""

    code = "source_not_asked"


class BreakerOpen(NotAsked):
    """The source failed too often and is left alone for a while."""

    code = "breaker_open"


class RateLimited(NotAsked):
    """The requests of this minute are used up, or the provider asked us to wait."""

    code = "rate_limited"


class QuotaExhausted(NotAsked):
    """The requests of this day are used up."""

    code = "quota_exhausted"


class Resting(NotAsked):
    """The plan or key does not have this kind of question."""

    code = "question_refused"
    is_transient = False


class OtherInstrument(SourceFailure):
    """The source knows the symbol as something else, in another currency say."""

    code = "other_instrument"
    is_transient = False


class UnknownSource(SourceFailure):
    """A source was asked for by a name that no enabled one has."""

    code = "unknown_source"
    is_transient = False


class NoSourceAnswers(SourceFailure):
    """Every source that could answer was asked, or could not be; `failed` says why."""

    code = "no_source_answers"

    def __init__(self, what: str, failed: Sequence[PassedOver]) -> None:
        reasons = "; ".join(f"{each.source}: {each.reason.rstrip('.')}" for each in failed)
        super().__init__(f"No source answers for {what}: {reasons or 'none is enabled for it'}")
        self.failed = tuple(failed)


def no_answer(what: str, failed: Sequence[PassedOver]) -> SourceFailure:
    """Return the failure that says why nobody answered: only if all say so, it is unknown."""
    if failed and all(each.code == UnknownToSource.code for each in failed):
        names = ", ".join(each.source for each in failed)
        return UnknownToSource(f"{what} is not known to {names}")
    return NoSourceAnswers(what, failed)
