"""One question put to one source after the other until one answers.

Owns how a deadline is shared out among the sources that may answer. Which these are is `routing`'s,
what a single source is asked how often is `line`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trading_dashboard.agents.market_data.choosing.answers import (
    PassedOver,
    SourceAnswer,
    no_answer,
)
from trading_dashboard.agents.market_data.choosing.episodes import Episodes
from trading_dashboard.agents.market_data.choosing.line import SourceLine
from trading_dashboard.agents.market_data.choosing.policy import Policy
from trading_dashboard.agents.market_data.choosing.routing import Chain
from trading_dashboard.agents.market_data.sources.contract import (
    Source,
    SourceFailure,
    UnknownToSource,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuestion:
    """Something asked about one symbol; `what` names it in a failure."""

    kind: str
    symbol: str
    what: str


class Asking:
    """Puts questions to chains of lines."""

    def __init__(
        self,
        policy: Policy,
        episodes: Episodes,
        now: Callable[[], int],
        is_live: Callable[[str, str], bool],
    ) -> None:
        """Take what is decided elsewhere; `is_live` tells whether a source serves a symbol live."""
        self.policy = policy
        self.episodes = episodes
        self._now = now
        self._is_live = is_live

    async def first_answer(
        self,
        chain: Chain,
        question: SourceQuestion,
        ask: Callable[[Source], Awaitable[T]],
        can_answer: Callable[[Source], None] = lambda _: None,
    ) -> SourceAnswer[T]:
        """Return the first answer along a chain.

        `can_answer` raises why a source need not even be asked: no request of its day is spent.

        Raises:
            SourceFailure: There is no answer.
        """
        until = loop_time() + self.policy.deadline_seconds
        failed: list[PassedOver] = []
        for index, line in enumerate(chain):
            try:
                can_answer(line.source)
                value = await self._asked(line, question, ask, until, len(chain) - index)
            except SourceFailure as failure:
                failed.append(PassedOver.of(line.name, failure))
                continue
            self.episodes.answered(line.name, failed, [question.symbol])
            return SourceAnswer(source=line.name, value=value, at=self._now(), failed=tuple(failed))
        raise no_answer(question.what, failed)

    async def of_line(
        self,
        line: SourceLine,
        kind: str,
        ask: Callable[[Source], Awaitable[T]],
        *,
        until: float,
        left: int,
    ) -> T:
        """Return what one line answers, in its share of the time while `left` may be asked."""
        now = loop_time()
        is_last = left == 1
        return await line.ask(
            kind,
            lambda: ask(line.source),
            until=until if is_last else now + (until - now) / left,
            patience=until - now if is_last else self.policy.patience_seconds,
        )

    async def _asked(
        self,
        line: SourceLine,
        question: SourceQuestion,
        ask: Callable[[Source], Awaitable[T]],
        until: float,
        left: int,
    ) -> T:
        symbol = question.symbol
        if not line.knows(symbol, loop_time()):
            raise UnknownToSource(f"does not know {symbol}")
        try:
            return await self.of_line(line, question.kind, ask, until=until, left=left)
        except UnknownToSource:
            # Whose live prices come from it is not unknown to it, whatever its history lacks.
            if not self._is_live(line.name, symbol):
                line.unknown.put(symbol, True, loop_time())
            raise


def loop_time() -> float:
    """Return the monotonic time that choosing works with."""
    return asyncio.get_running_loop().time()


def first_well(chain: Sequence[SourceLine], symbol: str) -> SourceLine | None:
    """Return the first line that answers as far as is known."""
    now = loop_time()
    for line in chain:
        if line.is_well(now) and line.knows(symbol, now):
            return line
    return None
