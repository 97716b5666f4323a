"""Recordings: what is heard is kept, survives, is bounded, and is played as it was."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest

from tests.support import PUPPETS, ROOT, eventually
from tests.unit.market_data.conftest import position_at
from tests.unit.market_data.streaming.conftest import BEGAN, SECOND, bars_of
from tests.unit.market_data.test_stream import FailingJournal
from trading_dashboard.agents.kit import AgentEnvironment, create_agent_app
from trading_dashboard.agents.market_data.api.recordings import add_recordings
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.tap import DemoTap
from trading_dashboard.agents.market_data.recording import recorder as recorder_module
from trading_dashboard.agents.market_data.recording.clock import AS_FAST_AS_POSSIBLE, PlayerClock
from trading_dashboard.agents.market_data.recording.files import Recording, Writer, load
from trading_dashboard.agents.market_data.recording.heard import (
    Batch,
    Heard,
    Silence,
    from_table,
    to_table,
)
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.recording.player import RecordingPlayer
from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.models.errors import InvalidRange, RecordingConflict, UnknownRecording

Result = TypeVar("Result")

SOURCE = "ccxt:test"
ABOUT = {"calendar": "24/7", "time_zone": "UTC", "intraday": "real"}


async def threaded(work: Callable[[], Result]) -> Result:
    return await asyncio.to_thread(work)


def ticks_of(second: float, *prices: float, source: str = SOURCE) -> Ticks:
    at = np.full(len(prices), BEGAN + int(second * SECOND), dtype=np.int64)
    return Ticks(
        source=source,
        symbols=("A", "B"),
        symbol=(np.arange(len(prices)) % 2).astype(np.int32),
        at=at,
        price=np.array(prices),
        size=np.ones(len(prices)),
        received=at,
    )


def same(one: Batch, other: Batch) -> bool:
    """Return whether two batches say the same, whatever order their symbols are listed in."""
    if isinstance(one, Silence) or isinstance(other, Silence):
        return one == other
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("symbol", "symbols") and isinstance(one, Ticks):
            continue
        if isinstance(mine, np.ndarray) and not np.array_equal(mine, theirs):
            return False
    return said(one) == said(other)


def said(batch: Batch) -> list[str]:
    if isinstance(batch, Ticks):
        return [batch.symbols[index] for index in batch.symbol.tolist()]
    return [batch.symbol] if isinstance(batch, Bars) else []


STORY: list[tuple[float, Batch]] = [
    (0.0, bars_of("A", [(-2, 1.0, True, 0), (-1, 1.1, True, 0)])),
    (0.1, ticks_of(0.1, 1.0, 2.0, 1.5)),
    (0.3, ticks_of(0.3, 1.2)),
    (0.5, Silence(SOURCE, has_begun=True, symbols=("A", "B"), detail="no word")),
    (1.0, Silence(SOURCE, has_begun=False)),
    (1.05, bars_of("A", [(-1, 1.3, True, 1)])),
    (1.1, ticks_of(1.1, 1.3, 2.3)),
]


class Desk:
    """A library with a market clock moved by hand."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.second = 0.0
        self.today = datetime(2026, 1, 5, 15, tzinfo=UTC)
        self.library = Library(
            folder, now=self.now, in_thread=threaded, about=ABOUT, wall=lambda: self.today,
            **options,
        )  # fmt: skip

    def now(self) -> int:
        return BEGAN + int(self.second * SECOND)

    async def record(self, name: str = "one") -> Recording:
        await self.library.start(name, SOURCE)
        for second, batch in STORY:
            self.second = second
            self.library.hear(batch)
            self.library.hear(ticks_of(second, 9.0, source="another"))
        self.second = 1.5
        assert (await self.library.stop(name))["state"] == "complete"
        return load(self.library.folder / name)


def everything(recording: Recording) -> list[Heard]:
    return [heard for chunk in recording.chunks for heard in recording.read(chunk)]


def test_batches_come_back_as_they_were() -> None:
    heard = [Heard(int(second * SECOND), batch) for second, batch in STORY]
    back = list(from_table(to_table(heard), SOURCE))
    assert [item.at for item in back] == [item.at for item in heard]
    assert all(same(a.batch, b.batch) for a, b in zip(back, heard, strict=True))


async def test_a_source_is_recorded_and_no_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings")
    recording = await desk.record()
    heard = everything(recording)
    assert len(heard) == len(STORY)
    assert all(same(a.batch, batch) for a, (_, batch) in zip(heard, STORY, strict=True))
    (info,) = await desk.library.recordings()
    assert (info["name"], info["state"], info["reason"]) == ("one", "complete", "stopped")
    assert info["rows"] == 11
    with pytest.raises(RecordingConflict):
        await desk.library.start("one", SOURCE)
    with pytest.raises(RecordingConflict):
        await desk.library.stop("one")
    await desk.library.delete("one")
    assert await desk.library.recordings() == []
    assert list((tmp_path / "recordings").iterdir()) == []
    for bad in ("../etc", "", "A", "x" * 65, "."):
        with pytest.raises(InvalidRange):
            await desk.library.delete(bad)
    with pytest.raises(UnknownRecording):
        await desk.library.delete("one")


async def test_what_is_recorded_or_played_is_not_deleted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, playing="played")
    await desk.record("played")
    await desk.library.start("going", SOURCE, ("A",))
    for name in ("played", "going"):
        with pytest.raises(RecordingConflict):
            await desk.library.delete(name)
    desk.library.hear(ticks_of(0.0, 1.0, 2.0))
    await desk.library.close()
    (heard,) = everything(load(tmp_path / "going"))
    assert said(heard.batch) == ["A"]


async def test_old_recordings_make_room(tmp_path: Path) -> None:
    desk = Desk(tmp_path, max_total_bytes=10_000)
    for day in range(1, 8):
        desk.today = datetime(2026, 1, day, tzinfo=UTC)
        await desk.record(f"day{day}")
    names = [info["name"] for info in await desk.library.recordings()]
    assert names[0] == "day7"
    assert 1 < len(names) < 7
    assert names == [f"day{day}" for day in range(7, 7 - len(names), -1)]


async def test_a_recording_ends_when_it_is_large_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "CHUNK_ROWS", 2)
    desk = Desk(tmp_path, max_bytes=1)
    await desk.library.start("small", SOURCE)
    desk.library.hear(ticks_of(0.0, 1.0, 2.0))

    async def is_complete() -> bool:
        return bool((await desk.library.info("small"))["state"] == "complete")

    await eventually(is_complete)
    desk.library.hear(ticks_of(1.0, 1.0, 2.0))
    assert not desk.library.is_hearing
    assert len(everything(load(tmp_path / "small"))) == 1
    await desk.library.close()


async def test_a_failing_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "CHUNK_ROWS", 2)
    desk = Desk(tmp_path)
    await desk.library.start("one", SOURCE)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Writer, "add", full)
    desk.library.hear(ticks_of(0.0, 1.0, 2.0))
    await eventually(lambda: not desk.library.is_hearing)
    (info,) = await desk.library.recordings()
    assert (info["state"], info["reason"]) == (
        "interrupted", "The disk failed: No space left on device",
    )  # fmt: skip
    await desk.library.close()


def test_a_kill_loses_nothing_that_was_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, PUPPETS / "records_for_ever.py", folder],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert process.stdout is not None
    said_last = 0
    for line in process.stdout:
        said_last = int(line)
        if said_last == 20:
            process.kill()
            break
    said_last = max([said_last, *map(int, process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    recording = load(folder)
    assert recording.end is None
    assert [heard.at for heard in everything(recording)][:said_last] == list(
        range(1, said_last + 1)
    )
    # What a kill leaves half written is not read: a line cut short, a chunk without a line.
    (folder / "99999999.arrow").write_bytes(b"half")
    with (folder / "index.jsonl").open("ab") as index:
        index.write(b'{"file": "99999999.arr')
    assert len(load(folder).chunks) == len(recording.chunks)


def player_of(
    recording: Recording, speed: float = AS_FAST_AS_POSSIBLE, **options: Any
) -> RecordingPlayer:
    clock = PlayerClock(recording.first, recording.last, speed=speed)
    return RecordingPlayer(recording, clock, in_thread=threaded, **options)


async def streamed(player: RecordingPlayer) -> tuple[str, list[str]]:
    """Play a recording through the stream; return the digest of all that a reader was sent."""
    feed = LiveFeed(
        player.clock.body, replay=True, monotonic=lambda: player.clock.now() / SECOND
    )  # fmt: skip
    feed._epoch = "fixed"
    hub = StreamHub(feed)
    reader: Subscriber | None = None
    texts: list[str] = []
    async for heard in player.play():
        if isinstance(heard.batch, Ticks):
            feed.publish(heard.batch)
        elif isinstance(heard.batch, Bars):
            feed.publish_bars(heard.batch)
        hub.advance()
        if reader is None and feed.listed():
            reader = hub.join()
            hub.subscribe(reader, ["A", "B"], ["1m"])
        if reader is not None:
            texts += reader._texts(1000)
        if heard.at == player.recording.last:
            break
    kept = [text for text in texts if '"clock"' not in text and "age_seconds" not in text]
    kept += [text.split('"age_seconds"')[0] for text in texts if "age_seconds" in text]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest(), texts


async def test_every_speed_gives_the_same(tmp_path: Path) -> None:
    recording = await Desk(tmp_path).record()
    digests = set()
    for speed in (5.0, 50.0, 1000.0, AS_FAST_AS_POSSIBLE):
        digest, texts = await streamed(player_of(recording, speed))
        digests.add(digest)
        assert any(f'"source":"recording:one of {SOURCE}"' in text for text in texts)
        assert any('"replay":true' in text for text in texts)
    assert len(digests) == 1
    # Control arm: another recording gives another digest.
    desk = Desk(tmp_path)
    await desk.library.start("two", SOURCE)
    desk.library.hear(ticks_of(0.0, 7.0, 8.0))
    await desk.library.stop("two")
    digest, _ = await streamed(player_of(load(tmp_path / "two")))
    assert digest not in digests


async def test_nothing_is_known_before_its_time_and_silence_is_silence(tmp_path: Path) -> None:
    recording = await Desk(tmp_path).record()
    player = player_of(recording, 20.0)
    kinds = []
    async for heard in player.play():
        assert player.clock.now() <= heard.at or heard.at == recording.last
        kinds.append(type(heard.batch).__name__)
        past = (await player.history("A", "1m", 0, 2**62)).bars
        # The bar amended after the silence is known as it was until then.
        assert past.close.tolist() == ([1.0, 1.3] if kinds.count("Bars") == 2 else [1.0, 1.1])
        if heard.at == recording.last:
            break
    assert kinds == ["Bars", "Ticks", "Ticks", "Silence", "Silence", "Bars", "Ticks"]
    assert (await player.history("B", "1d", 0, 2**62)).bars.close.tolist() == []


async def test_it_can_be_paused_and_set(tmp_path: Path) -> None:
    recording = await Desk(tmp_path).record()
    jumps: list[int] = []
    player = player_of(recording, on_jump=lambda: jumps.append(1))
    player.set(paused=True)
    playing = player.play()
    first = asyncio.ensure_future(anext(playing))
    done, _ = await asyncio.wait([first], timeout=0.1)
    # The very first batch is due at the position itself, also while paused nothing moves on.
    assert not done
    player.set(paused=False)
    assert isinstance((await first).batch, Bars)
    player.set(position=BEGAN + int(1.07 * SECOND))
    heard = await anext(playing)
    assert isinstance(heard.batch, Ticks)
    assert heard.at == recording.last
    player.set(position=BEGAN)
    assert isinstance((await anext(playing)).batch, Bars)
    assert len(jumps) == 2
    with pytest.raises(InvalidRange):
        player.set(position=BEGAN - 1)
    with pytest.raises(InvalidRange):
        player.set(speed=0.01)
    await playing.aclose()  # type: ignore[attr-defined]


async def test_a_damaged_chunk_ends_the_playing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "CHUNK_ROWS", 1)
    desk = Desk(tmp_path)
    await desk.library.start("one", SOURCE)
    for number in range(3):
        desk.second = float(number)
        desk.library.hear(ticks_of(number, 1.0))

        async def is_written(number: int = number) -> bool:
            return (await desk.library.info("one"))["size_bytes"] > 0 and len(
                load(tmp_path / "one").chunks
            ) > number

        await eventually(is_written)
    await desk.library.close()
    recording = load(tmp_path / "one")
    (tmp_path / "one" / recording.chunks[1].file).write_bytes(b"damaged")
    player = player_of(recording)
    playing = player.play()
    assert (await anext(playing)).at == recording.first
    waiting = asyncio.ensure_future(anext(playing))
    await eventually(lambda: player.trouble)
    assert "another digest" in str(player.trouble)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_the_demo_can_be_recorded(tmp_path: Path, market: DemoMarket) -> None:
    position = position_at(market.timeline, date(2012, 9, 5), 23_390.0)
    clock = ReplayClock(
        market.timeline, FailingJournal(), position=position, speed=1, configured="", paused=True
    )
    wanted = [False]
    tap = DemoTap(market, clock, lambda: wanted[0])
    assert list(tap.batches()) == []
    wanted[0] = True
    assert list(tap.batches()) == []
    clock.set(position=position + 15.5)
    batches = list(tap.batches())
    ibm = [batch for batch in batches if said(batch)[0] == "IBM"]
    assert [len(batch) for batch in ibm] == [9, 1, 6]
    day = market.series["IBM"]
    row = day.row_of(market.timeline.index_from(date(2012, 9, 5)))
    assert row is not None
    assert isinstance(ibm[0], Ticks)
    assert ibm[0].price[-1] == pytest.approx(float(day.close[row]))
    # A jump is not heard as if all between had been.
    clock.set(position=position + 15.5 + 5 * 3600)
    assert list(tap.batches()) == []


async def test_the_routes(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "recordings")
    app = create_agent_app(
        AgentEnvironment(name="market_data", data_directory=tmp_path), version="0"
    )
    app.operator.ensure()
    token = app.operator.path.read_text("utf-8").strip()
    add_recordings(app, desk.library, lambda: SOURCE)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        order = {"name": "one", "symbols": ["a"]}
        assert (await client.post("/recordings", json=order)).status_code == 401
        client.headers["Authorization"] = f"Bearer {token}"
        assert (await client.post("/recordings", json={"name": "../x"})).status_code == 422
        started = await client.post("/recordings", json=order)
        assert (started.status_code, started.json()["state"]) == (201, "recording")
        assert (await client.post("/recordings", json=order)).status_code == 409
        assert (await client.delete("/recordings/one")).status_code == 409
        desk.library.hear(ticks_of(0.0, 1.0, 2.0))
        stopped = (await client.post("/recordings/one/stop")).json()
        assert (stopped["state"], stopped["rows"], stopped["symbols"]) == ("complete", 1, ["A"])
        listed = (await client.get("/recordings")).json()["recordings"]
        assert [info["name"] for info in listed] == ["one"]
        assert (await client.delete("/recordings/one")).status_code == 204
        missing = await client.delete("/recordings/one")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_recording")
    await desk.library.close()
