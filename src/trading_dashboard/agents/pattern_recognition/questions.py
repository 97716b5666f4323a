"""Questions about patterns and their worth, answered from the book or from what is read for them.

Owns which of the two answers. What is followed is answered as it is known; anything else is read
from market data and looked at. Bodies are plain types, as `models` describes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby, islice
from typing import Any

from trading_dashboard.agents.pattern_recognition.agent import PatternAgent
from trading_dashboard.agents.pattern_recognition.catalogue import KINDS, kind_of
from trading_dashboard.agents.pattern_recognition.context.agreement import agreement
from trading_dashboard.agents.pattern_recognition.context.regimes import regime
from trading_dashboard.agents.pattern_recognition.live import asking
from trading_dashboard.agents.pattern_recognition.live.asking import Choice
from trading_dashboard.agents.pattern_recognition.live.follower import LEARN_AT_ONCE
from trading_dashboard.agents.pattern_recognition.live.found import DIRECTIONS, Body
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.agents.pattern_recognition.live.reading import MAX_WORTH_BARS, Looked
from trading_dashboard.agents.pattern_recognition.live.tracker import Tracker
from trading_dashboard.agents.pattern_recognition.live.worths import CellWorth
from trading_dashboard.agents.pattern_recognition.own_bars import checked_bars
from trading_dashboard.agents.pattern_recognition.signals import Idea, ideas
from trading_dashboard.models.errors import DataUnavailable, InvalidParameter, UnknownSymbol
from trading_dashboard.models.market import INTERVALS, Interval
from trading_dashboard.models.pattern_api import OwnBars

OWN = Label("own", replay=False, intraday="none")
"""Of bars that were posted."""
USUAL_HORIZON = 10
"""Over which the worth of signals is told, unless it is not measured or another is asked for."""
OWN_NOTE = "Of the bars that were sent; where they are from is not known here."
MAX_OWN_WORTHS = 1_000
"""Detections in bars of one's own that are told with their worth: each older one costs more."""


class Questions:
    """What the routes ask."""

    def __init__(self, agent: PatternAgent) -> None:
        self._agent = agent

    def _agreement(self, symbol: str) -> float | None:
        """Return how far the timeframes followed of a symbol agree."""
        settings = self._agent.settings.context.regime
        own = {
            key[1]: regime(tracker.series.bars, settings)
            for key, tracker in self._agent.book.trackers.items()
            if key[0] == symbol
        }
        return agreement(own).value

    def _check_followed(self, name: str | None) -> None:
        """Refuse a symbol that is not followed: an empty answer would say that it had nothing."""
        known = self._agent.follower.inbox.known
        if name is None or name in known:
            return
        if not known:
            raise DataUnavailable(
                "Which symbols are followed is not known yet.",
                subject=name,
                observed=self._agent.follower.trouble,
                next_step="Look at the status of the market data agent, and ask again.",
            )
        raise UnknownSymbol(
            f"Symbol '{name[:32]}' is not followed.",
            subject=name[:32],
            observed=f"{len(known)} are",
            next_step="GET /patterns/{symbol} answers for others that market data lists.",
        )

    def _check_horizon(self, horizon: int | None) -> None:
        measured = self._agent.settings.worth.horizons
        if horizon is not None and horizon not in measured:
            raise InvalidParameter(
                f"Worth is not measured over {horizon} bars.",
                subject="horizon",
                observed=horizon,
                next_step=f"Choose one of {', '.join(map(str, measured))}.",
            )

    @property
    def label(self) -> dict[str, Any]:
        """Return what is said of answers that are about no single series."""
        return self._agent.book.label.body()

    async def patterns(
        self, symbol: str, timeframe: Interval, selection: Choice, limit: int
    ) -> Body:
        """Return one series' patterns, newest first.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        name = symbol.strip().upper()
        book = self._agent.book

        def known() -> Body | None:
            tracker = book.trackers.get((name, timeframe))
            if tracker is None or not len(tracker.series):
                return None
            chosen = list(islice(asking.newest(tracker, selection), limit))
            return {**_about(tracker), "patterns": chosen}

        found = await self._agent.in_book(known)
        if found is not None:
            worths = await self._agent.worth_of(found["patterns"])
            found["patterns"] = _with(found["patterns"], worths)
        else:
            looked = await self._agent.reader.looked(name, timeframe)
            found = await self._agent.computed(lambda: _answer(looked, selection, limit))
        return {**found, "stale": self._agent.is_stale}

    async def detect(self, own: OwnBars) -> Body:
        """Return what is in bars of one's own; of the newest detections with their worth.

        Raises:
            InvalidBars: A row contradicts itself.
        """
        selection = Choice(
            kinds=frozenset(kind.value for kind in own.kinds), patterns=frozenset(own.patterns)
        )

        def found() -> Body:
            bars = checked_bars(own)
            looked = self._agent.reader.look((own.symbol, own.timeframe), bars, OWN)
            body = _answer(looked, selection, None, MAX_OWN_WORTHS)
            note = OWN_NOTE
            if looked.worths is None:
                note += f" Worth is not measured over more than {MAX_WORTH_BARS:,} bars."
            elif len(body["patterns"]) > MAX_OWN_WORTHS:
                note += f" Worth is told of the newest {MAX_OWN_WORTHS:,} detections."
            return {**body, "stale": False, "note": note}

        return await self._agent.computed(found)

    async def history(
        self,
        symbol: str | None,
        timeframe: Interval | None,
        pattern: str | None,
        *,
        offset: int,
        limit: int,
    ) -> Body:
        """Return detections with what became of them, newest first.

        Raises:
            UnknownSymbol, DataUnavailable.
        """
        book = self._agent.book
        name = None if symbol is None else symbol.strip().upper()
        if timeframe is None:
            self._check_followed(name)
        selection = Choice(patterns=frozenset() if pattern is None else frozenset({pattern}))

        part = slice(offset, offset + limit)

        def known() -> Body | None:
            keys = asking.keys_of(book, name, timeframe)
            if not keys and name is not None and timeframe is not None:
                return None
            own = {key: book.trackers[key] for key in keys}
            return _history(own, book.worths.settings.horizons, selection, part)

        rows = await self._agent.in_book(known)
        label = self.label
        if rows is not None:
            found = rows
            worths = await self._agent.worth_of([row["detection"] for row in found["rows"]])
        else:
            assert name is not None and timeframe is not None  # noqa: S101, PT018
            looked = await self._agent.reader.looked(name, timeframe)
            tracker, horizons = looked.tracker, self._agent.settings.worth.horizons

            def read() -> tuple[Body, list[list[Body]]]:
                page = _history({tracker.key: tracker}, horizons, selection, part)
                return page, looked.worth_of([row["detection"] for row in page["rows"]])

            found, worths = await self._agent.computed(read)
            label = tracker.basis.label.body()
        for row, worth in zip(found["rows"], worths, strict=True):
            row["detection"] = {**row["detection"], "worth": worth}
        return {**found, "stale": self._agent.is_stale, **label}

    async def confidence(
        self,
        symbol: str | None,
        timeframe: Interval | None,
        pattern: str | None,
        horizon: int | None,
    ) -> Body:
        """Return the worth of every pattern as known now, and how what was said came true.

        Raises:
            UnknownSymbol, DataUnavailable, InvalidParameter.
        """
        book = self._agent.book
        name = None if symbol is None else symbol.strip().upper()
        self._check_followed(name)
        self._check_horizon(horizon)

        def known() -> Body:
            names = sorted({key[1] for key in book.trackers}, key=INTERVALS.index)
            wanted = [it for it in names if timeframe in (None, it)]
            rows: list[Body] = []
            tests = 0
            for it in wanted:
                found, tested = book.worths.rows(name, it, asking.last_of(book, it))
                rows += [
                    _worth_row(row, it, name)
                    for row in found
                    if pattern in (None, row.pattern) and horizon in (None, row.worth.horizon_bars)
                ]
                tests += tested
            said = book.worths.reliability(wanted, horizon)
            return {
                "rows": rows,
                "tests": tests,
                "reliability": [point.model_dump() for point in said.bins],
                "brier": said.brier,
                "brier_base": said.brier_base,
            }

        while await self._agent.in_book(partial(book.learn, LEARN_AT_ONCE)):
            pass  # some series at a time: bars that close meanwhile come in between
        found = await self._agent.in_book(known)
        return {"as_of": self._agent.as_of, "stale": self._agent.is_stale, **found, **self.label}

    async def signals(
        self, min_confidence: float, min_reward_risk: float, horizon: int | None
    ) -> Body:
        """Return confirmed chart patterns as trade ideas, newest first.

        Raises:
            InvalidParameter: Worth is not measured over that horizon.
        """
        book = self._agent.book
        self._check_horizon(horizon)
        measured = self._agent.settings.worth.horizons
        chosen = horizon or (USUAL_HORIZON if USUAL_HORIZON in measured else measured[0])

        def confirmed() -> list[Body]:
            return [
                body
                for tracker in book.trackers.values()
                for body in tracker.open_shapes()
                if body["confirmed_at"] is not None
            ]

        bodies = await self._agent.in_book(confirmed)
        kept = [
            idea
            for idea in ideas(bodies, await self._agent.worth_of(bodies), chosen)
            if idea.reward_risk >= min_reward_risk and (idea.confidence or 0) >= min_confidence
        ]
        for symbol, own in groupby(sorted(kept, key=_symbol), key=_symbol):
            agreed = await self._agent.in_book(partial(self._agreement, symbol))
            for idea in own:
                idea.body["agreement"] = agreed
        return {
            "as_of": self._agent.as_of,
            "stale": self._agent.is_stale,
            "signals": [it.body for it in kept],
            **self.label,
        }


def _history(
    trackers: Mapping[tuple[str, str], Tracker],
    horizons: Sequence[int],
    selection: Choice,
    part: slice,
) -> Body:
    """Return some detections of several series, without worth, with what became of them."""
    offset, limit = part.start, part.stop - part.start
    shown, total = asking.page(list(trackers.values()), selection, offset, limit)
    by_key: dict[tuple[str, str], list[Body]] = {}
    for body in shown:
        by_key.setdefault(_key(body), []).append(body)
    moves = {
        body["id"]: move
        for key, own in by_key.items()
        for body, move in zip(own, asking.outcomes(trackers[key], own, horizons), strict=True)
    }
    after = offset + len(shown)
    return {
        "rows": [{"detection": it, "outcomes": moves[it["id"]]} for it in shown],
        "total": total,
        "next_offset": after if shown and after < total else None,
    }


def _answer(
    looked: Looked, selection: Choice, limit: int | None, worths: int | None = None
) -> Body:
    chosen = list(islice(asking.newest(looked.tracker, selection), limit))
    worth = looked.worth_of(chosen[:worths])
    worth += [[] for _ in chosen[len(worth) :]]
    return {**_about(looked.tracker), "patterns": _with(chosen, worth)}


def _about(tracker: Tracker) -> Body:
    return {
        "symbol": tracker.key[0],
        "timeframe": tracker.key[1],
        "as_of": tracker.as_of,
        "bars": len(tracker.series),
        "note": None,
        **tracker.basis.label.body(),
    }


def _with(bodies: list[Body], worths: list[list[Body]]) -> list[Body]:
    return [{**body, "worth": worth} for body, worth in zip(bodies, worths, strict=True)]


def _worth_row(row: CellWorth, timeframe: str, symbol: str | None) -> Body:
    return {
        "pattern": row.pattern,
        "name": KINDS[row.pattern].name,
        "kind": kind_of(row.pattern).value,
        "direction": DIRECTIONS[row.direction],
        "timeframe": timeframe,
        "symbol": symbol,
        "worth": row.worth.model_dump(mode="json"),
    }


def _symbol(idea: Idea) -> str:
    return str(idea.body["symbol"])


def _key(body: Body) -> tuple[str, str]:
    return body["symbol"], body["timeframe"]
