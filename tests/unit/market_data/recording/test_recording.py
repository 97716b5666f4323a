"""Recordings: what is heard is kept, survives, is bounded, and is played as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import PUPPETS, ROOT, eventually
from tests.unit.market_data.conftest import position_at
from tests.unit.market_data.recording.conftest import (
    SOURCE,
    STORY,
    Desk,
    everything,
    said,
    same,
    ticks_of,
)
from tests.unit.market_data.streaming.conftest import SECOND
from tests.unit.market_data.test_stream import FailingJournal
from trading_dashboard.agents.kit import AgentEnvironment, create_agent_app
from trading_dashboard.agents.market_data.api.recordings import add_recordings
from trading_dashboard.agents.market_data.demo.clock import ReplayClock
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.tap import DemoTap
from trading_dashboard.agents.market_data.recording import recorder as recorder_module
from trading_dashboard.agents.market_data.recording.files import Writer, load
from trading_dashboard.agents.market_data.recording.heard import (
    Heard,
    Past,
    from_table,
    to_table,
)
from trading_dashboard.agents.market_data.records import Bars, Ticks
from trading_dashboard.models.errors import InvalidRange, RecordingConflict, UnknownRecording
from trading_dashboard.models.market import INTERVALS


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
    assert [at for _, at in batches] == sorted(at for _, at in batches)
    ibm = [batch for batch, _ in batches if said(batch)[0] == "IBM"]
    day = market.series["IBM"]
    row = day.row_of(market.timeline.index_from(date(2012, 9, 5)))
    assert row is not None
    ticks = [batch for batch in ibm if isinstance(batch, Ticks)]
    assert sum(map(len, ticks)) == 15
    close = float(day.close[row])
    assert [float(batch.price[-1]) for batch in ticks][8] == pytest.approx(close)
    closed = {b.interval: b for b in ibm if isinstance(b, Bars) and b.closed.all()}
    assert float(closed["1d"].close[0]) == pytest.approx(close)
    assert "1w" not in closed
    forming = [b for b in ibm if isinstance(b, Bars) and not b.closed.any()]
    assert [b.interval for b in forming] == list(INTERVALS)
    known = tap.instrument("IBM")
    assert known is not None
    assert (known.name, known.calendar) == (day.listing.name, "XNYS")
    assert tap.instrument("NONE") is None
    past = [b for b in await tap.before("demo", ("IBM",)) if isinstance(b, Past)]
    assert {b.bars.symbol for b in past} == {"IBM"}
    assert all(b.bars.closed.all() for b in past)
    assert max(int(b.bars.start[-1]) for b in past) < tap.now()
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
    add_recordings(app, desk.library, lambda: [SOURCE])
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        order = {"name": "one", "symbols": ["a"]}
        assert (await client.post("/recordings", json=order)).status_code == 401
        client.headers["Authorization"] = f"Bearer {token}"
        assert (await client.post("/recordings", json={"name": "../x"})).status_code == 422
        unknown = await client.post("/recordings", json={"name": "two", "source": "nowhere"})
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_source")
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
