"""Agents' output: kept, cleaned, bounded, and never in anybody's way."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.integration.process_bench import AGENT, process_bench
from tests.support import eventually
from trading_dashboard.config.settings import LogSettings
from trading_dashboard.orchestrator.output import pump


async def test_lines_are_stamped_and_written(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        await bench.start("exits_at_once")
        path = bench.runtime.log_path(AGENT)
        await eventually(lambda: path.exists() and len(path.read_text().splitlines()) == 2)
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        lines = sorted(path.read_text().splitlines(), key=lambda line: line.split()[1])
        assert re.fullmatch(rf"{stamp} stderr cannot start: .*", lines[0])
        assert re.fullmatch(rf"{stamp} stdout ready", lines[1])
        assert path.stat().st_mode & 0o777 == 0o600
        numbers = [line.seq for line in bench.runtime.logs(AGENT, 10)]
        assert numbers == [1, 2]


async def test_secrets_are_gone_before_anything_is_kept(tmp_path: Path) -> None:
    secret = "s3cr3t-value-of-the-agent"
    async with process_bench(tmp_path) as bench:
        await bench.start("writes_secrets", env={"DEMO_API_KEY": secret})
        path = bench.runtime.log_path(AGENT)
        await eventually(lambda: path.exists() and "ready" in path.read_text())
        kept = path.read_text() + "\n".join(bench.texts())
        for leaked in (secret, "abcdefghijklmnop", "hunter2", "correct-horse", "k-123456"):
            assert leaked not in kept
        assert "page=1" in kept
        assert "it is [redacted] indeed" in kept


async def test_long_and_unfinished_lines(tmp_path: Path) -> None:
    async with process_bench(tmp_path, LogSettings(max_line_bytes=1000)) as bench:
        handle = await bench.start("long_lines")
        await bench.runtime.stop(handle, 5)
        assert bench.texts() == ["x" * 1000 + " … [cut]", "ready", "unfinished"]


async def test_a_flood_is_drained_bounded_and_counted(tmp_path: Path) -> None:
    settings = LogSettings(max_bytes=64 * 1024, backups=2, ring_lines=100)
    async with process_bench(tmp_path, settings) as bench:
        # No more than may wait for the disk, however slow that is: what goes beyond is not written.
        await bench.runtime.start(bench.launch("floods_stdout", "4"), bench.on_exit)
        await eventually(lambda: bench.texts()[-1:] == ["last line"], 30)
        assert len(bench.texts()) <= 100
        path = bench.runtime.log_path(AGENT)
        await eventually(lambda: path.exists() and b"last line" in path.read_bytes())
        files = sorted(path.parent.glob("puppet.log*"))
        assert [file.name for file in files] == ["puppet.log", "puppet.log.1", "puppet.log.2"]
        assert all(file.stat().st_size <= 64 * 1024 for file in files)
        assert all(file.read_bytes().endswith(b"\n") for file in files)


async def test_what_is_left_out_of_a_flood_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether a flood comes faster than it can be kept is up to the machine; here any does.
    monkeypatch.setattr(pump, "KEEP_BURST_BYTES", 256 * 1024)
    monkeypatch.setattr(pump, "KEEP_BYTES_PER_SECOND", 0)
    async with process_bench(tmp_path, LogSettings(ring_lines=100)) as bench:
        launch = bench.launch("floods_stdout", "200", "ends")
        await bench.runtime.start(launch, bench.on_exit)
        await eventually(lambda: "last line" in bench.texts(), 30)
        path = bench.runtime.log_path(AGENT)
        await eventually(lambda: path.exists() and b"last line" in path.read_bytes())
        said = re.findall(r"(\d+) lines \(.* MB\) of stdout were left out", path.read_text())
        assert sum(map(int, said)) > 2_000_000
        figures = bench.runtime.log_figures(AGENT)
        assert figures.dropped_lines == sum(map(int, said))
        assert figures.written_bytes > figures.dropped_bytes > 100e6


async def test_a_full_disk_drops_counts_and_says_so(tmp_path: Path) -> None:
    async with process_bench(tmp_path, LogSettings(ring_lines=50_000)) as bench:
        path = bench.runtime.log_path(AGENT)
        path.symlink_to("/dev/full")
        launch = bench.launch("floods_stdout", "1")
        handle = await bench.runtime.start(launch, bench.on_exit)
        await eventually(lambda: "last line" in bench.texts())
        assert bench.runtime.poll(handle) is None
        trouble = "the log file cannot be written: No space left on device"
        assert [text for text in bench.texts() if "cannot" in text] == [trouble]
        path.unlink()
        bench.runtime.write_log(AGENT, "info", "there is room again")
        await eventually(lambda: path.exists() and "room again" in path.read_text())
        first = path.read_text().splitlines()[0]
        said = re.search(r"(\d{4,}) lines were not written to this file: No space left", first)
        assert said is not None
        figures = bench.runtime.log_figures(AGENT)
        assert figures.unfiled_lines == int(said[1])
        assert figures.dropped_bytes == 0
        assert figures.written_bytes > 1e6


async def test_a_deleted_or_moved_file_is_made_anew(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        path = bench.runtime.log_path(AGENT)
        moved = tmp_path / "moved"
        for number in range(3):
            bench.runtime.write_log(AGENT, "info", f"line {number}")
            await eventually(path.exists)
            await eventually(lambda: bool(path.read_text()))
            assert path.read_text().endswith(f"info: line {number}\n")
            if number == 0:
                path.unlink()
            else:
                path.rename(moved)


async def test_restarted_process_goes_on_in_the_same_log(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        for _ in range(2):
            await bench.runtime.stop(await bench.start("exits_at_once"), 1)
        assert [line.seq for line in bench.runtime.logs(AGENT, 10)] == [1, 2, 3, 4]


async def test_followers_get_each_line_once_in_order(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        bench.runtime.write_log(AGENT, "info", "before")
        lines = bench.runtime.follow_logs([AGENT, "other"])
        for number in range(700):
            bench.runtime.write_log(AGENT, "info", f"line {number}")
        bench.runtime.write_log("other", "warning", "line of the other")
        async with asyncio.timeout(10):
            found = [await anext(lines) for _ in range(701)]
        assert [line.text for line in found if line.agent == AGENT] == [
            f"line {number}" for number in range(700)
        ]
        assert [line.level for line in found if line.agent == "other"] == ["warning"]


async def test_a_slow_follower_misses_the_oldest_and_can_tell(tmp_path: Path) -> None:
    async with process_bench(tmp_path, LogSettings(ring_lines=100)) as bench:
        lines = bench.runtime.follow_logs([AGENT])
        for number in range(1000):
            bench.runtime.write_log(AGENT, "info", f"line {number}")
        async with asyncio.timeout(10):
            first = await anext(lines)
        assert (first.seq, first.text) == (901, "line 900")


async def test_following_ends_with_the_runtime(tmp_path: Path) -> None:
    async with process_bench(tmp_path) as bench:
        lines = bench.runtime.follow_logs([AGENT])

        async def follow() -> list[str]:
            return [line.text async for line in lines]

        following = asyncio.create_task(follow())
        await bench.start("slow_stop", "0")
        await bench.runtime.close()
        async with asyncio.timeout(10):
            assert await following == ["ready", "stopping", "stopped"]
