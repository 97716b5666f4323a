"""All recordings of this agent: listed, begun, ended, deleted, and not more than there is room for.

Owns the folder they are in and what is being recorded now. Whatever hears a source's stream hands
it over by `hear`; nothing is done with it while nothing is recorded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from trading_dashboard.agents.market_data.recording.files import (
    NAME,
    Head,
    Recording,
    load,
    remove,
)
from trading_dashboard.agents.market_data.recording.heard import Batch
from trading_dashboard.agents.market_data.recording.recorder import (
    MAX_BYTES,
    OffLoop,
    Recorder,
)
from trading_dashboard.agents.market_data.sources.contract import Instrument
from trading_dashboard.agents.market_data.streaming.live_state import iso_micros
from trading_dashboard.models.errors import (
    InvalidRange,
    RecordingConflict,
    RecordingDamaged,
    UnknownRecording,
)

MAX_AT_ONCE = 4
MAX_TOTAL_BYTES = 20 * 2**30
KEEP_DAYS = 365

logger = logging.getLogger(__name__)


class Known(Protocol):
    """What is known beside what is heard."""

    async def before(self, source: str, symbols: tuple[str, ...]) -> Iterable[Batch]:
        """Return what is known of a source, or some symbols of it, when a recording begins."""

    def instrument(self, symbol: str) -> Instrument | None:
        """Return what a symbol is, None if that is not known yet."""


class NothingKnown:
    """Knows nothing: a recording then has only what is heard."""

    async def before(self, _source: str, _symbols: tuple[str, ...]) -> Iterable[Batch]:
        """Return nothing."""
        return ()

    def instrument(self, _symbol: str) -> Instrument | None:
        """Return None."""
        return None


class Library:
    """The recordings in one folder. Used from one event loop."""

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], int],
        in_thread: OffLoop,
        about: Mapping[str, str],
        known: Known | None = None,
        max_bytes: int = MAX_BYTES,
        max_total_bytes: int = MAX_TOTAL_BYTES,
        keep_days: int = KEEP_DAYS,
        playing: str | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make a library; nothing is read before it is asked.

        Args:
            folder: Holds a folder for each recording; made when needed.
            now: Market time in microseconds since 1970 UTC.
            in_thread: Does the work on files.
            about: `calendar`, `time_zone` and `intraday` of what is heard.
            known: Tells the past a recording begins with, and what symbols are.
            max_bytes: Of one recording.
            max_total_bytes: Of all; the oldest are deleted when a new one begins.
            keep_days: After which a recording is deleted when a new one begins.
            playing: The recording that is played now, which is not deleted.
            wall: The wall clock.
        """
        self.folder = folder
        self._now = now
        self._in_thread = in_thread
        self._about = dict(about)
        self._known: Known = known or NothingKnown()
        self._max_bytes = max_bytes
        self._max_total_bytes = max_total_bytes
        self._keep_days = keep_days
        self._playing = playing
        self._wall = wall
        self._recorders: dict[str, Recorder] = {}
        self._changing = asyncio.Lock()

    def hear(self, batch: Batch, at: int | None = None) -> None:
        """Take what a source said: good ticks, changes of bars, the begin and end of an outage.

        `at` is when, in microseconds of market time; now if it is not said.
        """
        for recorder in self._recorders.values():
            recorder.hear(batch, at)

    @property
    def is_hearing(self) -> bool:
        """Return whether something is being recorded."""
        return any(recorder.ended is None for recorder in self._recorders.values())

    async def recordings(self) -> list[dict[str, Any]]:
        """Return bodies shaped like `RecordingInfo`, newest first."""
        recordings = await self._in_thread(self._load_all)
        return [self._body(recording) for recording in recordings]

    async def start(self, name: str, source: str, symbols: tuple[str, ...] = ()) -> dict[str, Any]:
        """Begin to record a source, or some symbols of it.

        Raises:
            InvalidRange: The name cannot be one.
            RecordingConflict: It is there already, too many are being made, or the disk failed.
        """
        _check_name(name)
        async with self._changing:
            if sum(item.ended is None for item in self._recorders.values()) >= MAX_AT_ONCE:
                raise RecordingConflict(
                    f"{MAX_AT_ONCE} recordings are being made already.",
                    subject=name,
                    next_step="Stop one of them first.",
                )
            await self._in_thread(self._make_room)
            recorder = self._recorder(name, source, symbols)
            try:
                await recorder.open()
            except FileExistsError as error:
                raise RecordingConflict(
                    f"There is a recording '{name}' already.",
                    subject=name,
                    next_step="Choose another name, or delete it.",
                ) from error
            except OSError as error:
                raise RecordingConflict(
                    f"The recording '{name}' cannot be written.",
                    subject=name,
                    observed=error.strerror or str(error),
                    next_step="Check the data directory's free space and permissions.",
                ) from error
            # It listens before the past is read, so that nothing is missing between the two.
            self._recorders[name] = recorder
            recorder.begin(await self._known.before(source, symbols))
        return await self.info(name)

    async def stop(self, name: str) -> dict[str, Any]:
        """End a recording; all that was heard is on disk. Raises `RecordingConflict`."""
        _check_name(name)
        async with self._changing:
            recorder = self._recorders.pop(name, None)
            if recorder is not None:
                await recorder.close()
        if recorder is None:
            info = await self.info(name)
            raise RecordingConflict(
                f"'{name}' is not being recorded.",
                subject=name,
                observed=info["state"],
                next_step="GET /recordings lists what is.",
            )
        return await self.info(name)

    async def delete(self, name: str) -> None:
        """Delete a recording. Raises `UnknownRecording`, `RecordingConflict`."""
        _check_name(name)
        async with self._changing:
            await self._in_thread(lambda: load(self.folder / name))
            recorder = self._recorders.get(name)
            if name == self._playing or (recorder is not None and recorder.ended is None):
                raise RecordingConflict(
                    f"'{name}' is in use.",
                    subject=name,
                    observed="played" if name == self._playing else "being recorded",
                    next_step="Stop that first.",
                )
            self._recorders.pop(name, None)
            await self._in_thread(lambda: remove(self.folder / name))

    async def info(self, name: str) -> dict[str, Any]:
        """Return a body shaped like `RecordingInfo`. Raises `UnknownRecording`."""
        _check_name(name)
        return self._body(await self._in_thread(lambda: load(self.folder / name)))

    async def close(self) -> None:
        """End what is being recorded, before the agent ends."""
        async with self._changing:
            for recorder in self._recorders.values():
                await recorder.close("The agent was stopped.")
            self._recorders.clear()

    # Private

    def _recorder(self, name: str, source: str, symbols: tuple[str, ...]) -> Recorder:
        head = Head(
            name=name,
            source=source,
            symbols=symbols,
            began=self._now(),
            made_at=self._wall().isoformat(timespec="seconds"),
            calendar=self._about["calendar"],
            time_zone=self._about["time_zone"],
            intraday=self._about.get("intraday", "real"),
        )
        return Recorder(
            self.folder / name,
            head,
            now=self._now,
            in_thread=self._in_thread,
            instrument_of=self._known.instrument,
            max_bytes=self._max_bytes,
        )

    def _body(self, recording: Recording) -> dict[str, Any]:
        name = recording.head.name
        recorder = self._recorders.get(name)
        reason = recording.end["reason"] if recording.end else None
        state = "complete" if recording.end else "interrupted"
        if recorder is not None:
            state = "recording" if recorder.ended is None else state
            reason = recorder.ended or reason
        return {
            "name": name,
            "source": recording.head.source,
            "symbols": recording.head.symbols,
            "state": state,
            "reason": reason,
            "made_at": recording.head.made_at,
            "start": iso_micros(recording.first),
            "end": iso_micros(recording.last),
            "rows": recording.rows if state != "recording" or recorder is None else recorder.rows,
            "size_bytes": recording.size_bytes,
            "playing": name == self._playing,
        }

    def _load_all(self) -> list[Recording]:
        found = []
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            try:
                found.append(load(folder))
            except UnknownRecording:
                continue
            except RecordingDamaged as error:
                logger.warning("%s Observed: %s", error.message, error.observed)
        return sorted(found, key=lambda recording: recording.head.made_at, reverse=True)

    def _make_room(self) -> None:
        """Delete what is too old, and the oldest while all take too much."""
        limit = (self._wall() - timedelta(days=self._keep_days)).isoformat(timespec="seconds")
        total = 0
        for recording in self._load_all():
            total += recording.size_bytes
            name = recording.head.name
            is_over = total > self._max_total_bytes or recording.head.made_at < limit
            if is_over and name != self._playing and name not in self._recorders:
                logger.info("Recording %s is deleted to make room", name)
                remove(recording.folder)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidRange(
            "The name of a recording has 1 to 64 of a-z, 0-9, - and _, first a letter or digit.",
            subject="name",
            observed=name[:64],
            next_step="Choose another name.",
        )
