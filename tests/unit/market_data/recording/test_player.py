"""Playing: the same at every speed, nothing before its time, and what is told of damage."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually
from tests.unit.market_data.recording.conftest import (
    SOURCE,
    Desk,
    threaded,
    ticks_of,
)
from tests.unit.market_data.streaming.conftest import BEGAN, SECOND
from trading_dashboard.agents.market_data.recording import recorder as recorder_module
from trading_dashboard.agents.market_data.recording.clock import PlayerClock
from trading_dashboard.agents.market_data.recording.files import Recording, load
from trading_dashboard.agents.market_data.recording.player import RecordingPlayer
from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.models.errors import InvalidRange
from trading_dashboard.models.market import AS_FAST_AS_POSSIBLE


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
        past = await player.history("A", "1m", 0, 2**62)
        # The bar amended after the silence is known as it was until then.
        assert past.close.tolist() == ([1.0, 1.3] if kinds.count("Bars") == 2 else [1.0, 1.1])
        if heard.at == recording.last:
            break
    assert kinds == ["Bars", "Ticks", "Ticks", "Silence", "Silence", "Bars", "Ticks"]
    assert (await player.history("B", "1d", 0, 2**62)).close.tolist() == []


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
