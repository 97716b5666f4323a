"""The newest lines of one agent, in memory.

Owns numbering and forgetting. Lines are kept as the blocks they arrived in and only become
`LogLine` objects when somebody reads them, so that keeping them costs next to nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime
from typing import NamedTuple

from trading_dashboard.models.events import LogLine
from trading_dashboard.orchestrator.output.structured import Meaning, read_line

MAX_RING_CHARACTERS = 4 * 1024 * 1024
"""Whatever the lines' lengths, an agent's ring holds about this much at most."""


class _Block(NamedTuple):
    first: int
    length: int
    time: float
    stream: str
    level: str | None
    text: str

    @property
    def end(self) -> int:
        return self.first + self.length


class LogRing:
    """A bounded, numbered run of lines; written by one thread, read by others."""

    def __init__(self, agent: str, capacity: int) -> None:
        self._agent = agent
        self._capacity = capacity
        self._blocks: deque[_Block] = deque()
        self._characters = 0
        self._next = 1
        self._lock = threading.Lock()

    def append(self, stream: str, time: float, lines: list[str], level: str | None = None) -> None:
        """Add lines that were read at `time` (seconds since the epoch)."""
        kept = lines[-self._capacity :]
        text = "\n".join(kept)
        with self._lock:
            self._next += len(lines)
            block = _Block(self._next - len(kept), len(kept), time, stream, level, text)
            self._blocks.append(block)
            self._characters += len(text)
            while len(self._blocks) > 1 and self._is_first_block_surplus():
                self._characters -= len(self._blocks.popleft().text)

    @property
    def next_seq(self) -> int:
        """Return the number the next line will have."""
        return self._next

    def tail(self, lines: int) -> list[LogLine]:
        """Return the newest lines, oldest first."""
        return self.since(max(self._next - min(lines, self._capacity), 0)) if lines > 0 else []

    def since(self, seq: int, limit: int | None = None) -> list[LogLine]:
        """Return the lines numbered `seq` and up that are still there, oldest first."""
        with self._lock:
            seq = max(seq, self._next - self._capacity)
            blocks = []
            for block in reversed(self._blocks):
                if block.end <= seq:
                    break
                blocks.append(block)
        found: list[LogLine] = []
        for block in reversed(blocks):
            found += self._expand(block, seq, None if limit is None else limit - len(found))
            if limit is not None and len(found) >= limit:
                break
        return found

    def _is_first_block_surplus(self) -> bool:
        is_beyond = self._next - self._blocks[0].end >= self._capacity
        return is_beyond or self._characters > MAX_RING_CHARACTERS

    def _expand(self, block: _Block, seq: int, limit: int | None) -> list[LogLine]:
        skipped = max(seq - block.first, 0)
        lines = block.text.split("\n")[skipped:]
        stamp = datetime.fromtimestamp(block.time, UTC)
        return [
            self._line(block, block.first + skipped + offset, stamp, text)
            for offset, text in enumerate(lines if limit is None else lines[:limit])
        ]

    def _line(self, block: _Block, seq: int, stamp: datetime, text: str) -> LogLine:
        meaning = read_line(text) if block.level is None else Meaning(block.level, text)
        return LogLine(
            agent=self._agent,
            seq=seq,
            time=stamp,
            stream=block.stream,
            level=meaning.level,
            text=meaning.text,
            logger=meaning.logger,
        )
