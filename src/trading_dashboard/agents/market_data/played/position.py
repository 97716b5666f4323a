"""Where the playing of a recording is, on disk: after a restart it goes on there.

Owns the file. The position is written ahead of nothing: what was played in the last moment before a
kill is played again, and no reader is told of it twice, since the stream is numbered anew.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from trading_dashboard.agents.market_data.demo.journal import PositionJournal, ReplayRecord
from trading_dashboard.agents.market_data.recording.clock import PlayerClock
from trading_dashboard.agents.market_data.records import MICROSECONDS

logger = logging.getLogger(__name__)


class PlayedPosition:
    """Keeps a clock's position. Blocks for as long as a small write takes."""

    def __init__(self, path: Path, clock: PlayerClock, configured: str) -> None:
        """Open the file, and set the clock to where it was.

        Args:
            path: The file.
            clock: Of the recording.
            configured: The recording and the settings it is played with; others begin anew.

        Raises:
            OSError: It cannot be read or written.
        """
        self._journal = PositionJournal(path)
        self._clock = clock
        self._configured = configured
        record = self._journal.read()
        if record is not None and record.configured == configured:
            position = clock.first + round(record.offset * MICROSECONDS)
            clock.set(
                position=min(max(position, clock.first), clock.last),
                speed=record.speed,
                paused=record.paused,
            )

    def save(self) -> None:
        """Write the position down. Raises OSError."""
        clock = self._clock
        now = clock.now()
        self._journal.write(
            ReplayRecord(
                session=datetime.fromtimestamp(now // MICROSECONDS, UTC).date().isoformat(),
                offset=(now - clock.first) / MICROSECONDS,
                speed=clock.speed,
                paused=clock.is_paused,
                configured=self._configured,
            )
        )

    def sync(self) -> None:
        """Return once it is on the disk itself. Raises OSError."""
        self._journal.sync()

    def close(self) -> None:
        """Save for the last time, and close the file."""
        try:
            self.save()
            self.sync()
        except OSError as error:
            logger.error("The position in the recording could not be written: %s", error)
        self._journal.close()
