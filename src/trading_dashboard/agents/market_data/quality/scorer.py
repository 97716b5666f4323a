"""The scores of all series, counted from what the gates and the comparisons found.

Owns the counts: by source, symbol and day within a rolling window, and what can be kept of them
over a restart. Every number comes from a check that was made. May be called from any thread.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trading_dashboard.agents.market_data.quality.agreement import Agreement
from trading_dashboard.agents.market_data.quality.gaps import Completeness, Series
from trading_dashboard.agents.market_data.quality.reasons import LOWERS, Reason, ScorePart
from trading_dashboard.agents.market_data.quality.scores import SeriesCounts, score
from trading_dashboard.agents.market_data.quality.tick_counts import TickCounts
from trading_dashboard.agents.market_data.quality.verdicts import BarVerdict, TickVerdict
from trading_dashboard.agents.market_data.records import MICROSECONDS, Ticks
from trading_dashboard.agents.market_data.store.contract import Rejected
from trading_dashboard.models.market_quality import SeriesQuality

WINDOW_DAYS = 30
TIMELY_SECONDS = 60.0
MAX_SERIES = 100_000
_COUNTED = {
    ScorePart.VALIDITY: "invalid",
    ScorePart.ACCURACY: "inaccurate",
    ScorePart.CONSISTENCY: "inconsistent",
    ScorePart.UNIQUENESS: "doubled",
    ScorePart.TIMELINESS: "untimely",
}


@dataclass(slots=True)
class _Day:
    counts: SeriesCounts = field(default_factory=SeriesCounts)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Record:
    """What is known of one source's symbol.

    The last look at each interval, and the last comparison with each source, replace the ones
    before: a gap that was filled is no gap.
    """

    days: dict[int, _Day] = field(default_factory=dict)
    looks: dict[str, tuple[int, SeriesCounts]] = field(default_factory=dict)
    """By interval, or by source and interval: the day of the look, and what it found."""
    is_changed: bool = True


class Scorer:
    """SeriesCounts what was found, and says what it is worth."""

    def __init__(
        self,
        *,
        window_days: int = WINDOW_DAYS,
        timely_seconds: float = TIMELY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Know nothing yet.

        Args:
            window_days: Days that are counted, today included.
            timely_seconds: So old a tick may be when it comes.
            clock: Seconds since 1970, the market's.
        """
        self._window = window_days
        self._timely = int(timely_seconds * MICROSECONDS)
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], _Record] = {}
        self._totals: dict[tuple[str, str], tuple[int, float | None]] = {}
        """By series: the second it was computed in, and the total."""
        self._ticks = TickCounts(MAX_SERIES)
        self._counted_on = self._day()

    # Counting.

    def note_ticks(self, ticks: Ticks, verdict: TickVerdict) -> None:
        """Count a batch as it came, and what the gate said of it."""
        symbol = np.asarray(ticks.symbol)
        if symbol.dtype.kind not in "iu" or symbol.shape != np.shape(ticks.at):
            return  # not readable, so nobody's
        good = verdict.good
        timed = ~verdict.is_extended
        late = timed & (good.received - good.at > self._timely)
        with self._lock:
            if self._day() != self._counted_on:
                self._fold()
            self._ticks.add(0, ticks)
            self._ticks.add(1, good, timed)
            self._ticks.add(2, good, late)
            self._note_rejected(verdict.bad)

    def note_bars(self, verdict: BarVerdict) -> None:
        """Count an answer, and what the gate said of it."""
        bars = verdict.good
        with self._lock:
            day = self._today(bars.source, bars.symbol)
            if day is None:
                return
            actions = sum(1 for row in verdict.bad if not row.interval)
            day.counts.received += verdict.received + actions + len(verdict.actions)
            day.counts.repeated += verdict.repeated
            self._note_rejected(verdict.bad)

    def note_completeness(self, series: Series, found: Completeness) -> None:
        """Take what was found of a series now for what is missing of it."""
        newest = found.has_newest
        counts = SeriesCounts(
            expected=found.expected,
            present=found.present,
            newest_expected=int(newest is not None),
            newest_missing=int(newest is False),
            gaps=len(found.gaps),
        )
        self._look(series.source, series.symbol, series.interval, counts)

    def note_agreement(self, found: Agreement) -> None:
        """Take a comparison for what the two sources think of each other's bars."""
        counts = SeriesCounts(compared=found.common, disagreeing=found.disagreeing)
        for source, other in (found.sources, found.sources[::-1]):
            self._look(source, found.symbol, f"{other} {found.interval}", counts)

    # Telling.

    def quality(self, symbol: str) -> list[dict[str, Any]]:
        """Return bodies shaped like `SeriesQuality`, one for each source, best first."""
        return self._bodies([key for key in self._keys() if key[1] == symbol])[::-1]

    def report(self) -> list[dict[str, Any]]:
        """Return bodies shaped like `SeriesQuality` of all series, worst first."""
        return self._bodies(self._keys())

    def total(self, source: str, symbol: str) -> float | None:
        """Return the total, None if nothing is known; a second old at most, so it costs little."""
        second = int(self._clock())
        with self._lock:
            known = self._totals.get((source, symbol))
            if known is not None and known[0] == second:
                return known[1]
            self._fold()
            record = self._records.get((source, symbol))
            if record is None:
                return None
            self._forget_old(record)
            found = score(_counted(record)[0]).total
            total = None if found is None else round(found, 2)
            self._totals[source, symbol] = (second, total)
            return total

    # Over a restart.

    def changed_notes(self) -> dict[str, str]:
        """Return what changed since the last call, as notes for the archive, each by its key."""
        with self._lock:
            self._fold()
            notes = {}
            for (source, symbol), record in self._records.items():
                if record.is_changed:
                    self._forget_old(record)
                    notes[note_key(source, symbol)] = _text(record)
                    record.is_changed = False
            return notes

    def restore(self, source: str, symbol: str, text: str) -> bool:
        """Take a note back; return False, and know nothing, if it cannot be read."""
        record = _parsed(text)
        if record is None:
            return False
        with self._lock:
            if (source, symbol) in self._records or len(self._records) >= MAX_SERIES:
                return False
            self._forget_old(record)
            self._records[source, symbol] = record
        return True

    def _fold(self) -> None:
        """Put the ticks counted so far into the records, as of the day they came."""
        for source, symbol, received, timed, late in self._ticks.drain():
            day = self._on(source, symbol, self._counted_on)
            if day is not None:
                day.counts.received += received
                day.counts.timed += timed
                day.counts.late += late
        self._counted_on = self._day()

    def _keys(self) -> list[tuple[str, str]]:
        with self._lock:
            self._fold()
            return list(self._records)

    def _bodies(self, keys: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        now = datetime.fromtimestamp(self._clock(), UTC)
        bodies = []
        with self._lock:
            self._fold()
            for source, symbol in keys:
                record = self._records.get((source, symbol))
                if record is not None:
                    self._forget_old(record)
                    body = _body(source, symbol, record, self._window, now)
                    bodies += [body] if body else []
        return sorted(bodies, key=lambda body: float(body["score"]))

    def _note_rejected(self, rows: Sequence[Rejected]) -> None:
        for row in rows:
            day = self._today(row.source, row.symbol) if row.symbol else None
            if day is not None:
                name = _COUNTED[LOWERS[Reason(row.reason)]]
                setattr(day.counts, name, getattr(day.counts, name) + 1)
                day.reasons[row.reason] += 1

    def _look(self, source: str, symbol: str, what: str, counts: SeriesCounts) -> None:
        with self._lock:
            record = self._record(source, symbol)
            if record is not None:
                record.looks[what] = (self._day(), counts)
                record.is_changed = True

    def _record(self, source: str, symbol: str) -> _Record | None:
        """Return a series' record, None if there are too many."""
        record = self._records.get((source, symbol))
        if record is None and len(self._records) < MAX_SERIES:
            record = self._records[source, symbol] = _Record()
        return record

    def _today(self, source: str, symbol: str) -> _Day | None:
        return self._on(source, symbol, self._day())

    def _on(self, source: str, symbol: str, day: int) -> _Day | None:
        record = self._record(source, symbol)
        if record is None:
            return None
        record.is_changed = True
        if day not in record.days:
            self._forget_old(record)
            record.days[day] = _Day()
        return record.days[day]

    def _day(self) -> int:
        return int(self._clock()) // 86_400

    def _forget_old(self, record: _Record) -> None:
        oldest = self._day() - self._window + 1
        record.days = {day: counts for day, counts in record.days.items() if day >= oldest}
        record.looks = {what: look for what, look in record.looks.items() if look[0] >= oldest}


def note_key(source: str, symbol: str) -> str:
    """Return the key a series' counts are noted under."""
    return f"quality {source} {symbol}"


def _body(
    source: str, symbol: str, record: _Record, window: int, now: datetime
) -> dict[str, Any] | None:
    """Return a body; None if nothing was counted."""
    counts, reasons = _counted(record)
    found = score(counts)
    if found.total is None:
        return None
    body = SeriesQuality.model_validate(
        {
            "symbol": symbol,
            "source": source,
            "score": round(found.total, 2),
            "known": found.known,
            "grade": found.grade,
            **{part.value: _rounded(value) for part, value in found.parts.items()},
            "rows": counts.received,
            "rejected": counts.rejected,
            "expected": counts.expected,
            "present": counts.present,
            "compared": counts.compared,
            "disagreeing": counts.disagreeing,
            "gaps": counts.gaps,
            "reasons": [{"reason": name, "rows": rows} for name, rows in reasons.most_common()],
            "window_days": window,
            "computed_at": now,
        }
    )
    return body.model_dump(mode="json")


def _counted(record: _Record) -> tuple[SeriesCounts, Counter[str]]:
    """Return all that is known of a series, and the reasons of what was quarantined."""
    counts, reasons = SeriesCounts(), Counter[str]()
    for day in record.days.values():
        counts += day.counts
        reasons += day.reasons
    for _, looked in record.looks.values():
        counts += looked
    return counts, reasons


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _text(record: _Record) -> str:
    days = {
        day: {**_nonzero(one.counts), "reasons": dict(one.reasons)}
        for day, one in record.days.items()
    }
    looks = {what: [day, _nonzero(counts)] for what, (day, counts) in record.looks.items()}
    return json.dumps({"days": days, "looks": looks}, separators=(",", ":"))


def _nonzero(counts: SeriesCounts) -> dict[str, int]:
    return {name: value for name, value in asdict(counts).items() if value}


def _parsed(text: str) -> _Record | None:
    try:
        words = json.loads(text)
        record = _Record(is_changed=False)
        for day, counted in words["days"].items():
            reasons = Counter({str(k): _count(v) for k, v in counted.pop("reasons").items()})
            record.days[int(day)] = _Day(_counts(counted), reasons)
        for what, (day, counted) in words["looks"].items():
            record.looks[str(what)] = (int(day), _counts(counted))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record


def _counts(words: Mapping[str, object]) -> SeriesCounts:
    return SeriesCounts(**{name: _count(value) for name, value in words.items()})


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"no count: {value!r}")
    return value
