"""Limits: never more than allowed in any minute or day, through restarts and crashes."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ROOT
from tests.unit.market_data.choosing.fakes import MemoryNotes
from tests.unit.market_data.choosing.virtual import MIDNIGHT, wall
from trading_dashboard.agents.market_data.choosing.answers import QuotaExhausted
from trading_dashboard.agents.market_data.choosing.policy import Limits
from trading_dashboard.agents.market_data.choosing.quota import DailyQuota, MinuteBucket


@given(
    limit=st.integers(1, 6),
    requests=st.lists(
        st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 20.0), st.floats(0.0, 1.0)), max_size=60
    ),
)
def test_no_minute_of_the_provider_has_more_than_the_limit(
    limit: int, requests: list[tuple[float, float, float]]
) -> None:
    """Each request: a pause before it, how long it takes, when in between it is counted."""
    bucket = MinuteBucket(limit)
    now = 0.0
    under_way: list[float] = []
    counted: list[float] = []
    for pause, length, share in requests:
        now += pause
        for end in sorted(each for each in under_way if each <= now):
            bucket.answered(end)
            under_way.remove(end)
        if bucket.wait(now) == 0.0:
            bucket.take(now)
            under_way.append(now + length)
            counted.append(now + share * length)
    counted.sort()
    for at, later in zip(counted, counted[limit:], strict=False):
        assert later - at >= 60.0 - 1e-6


def test_a_token_that_returned_when_sent_would_break_the_limit() -> None:
    # The control arm of the above: slow request first, quick one a minute later.
    sent, counted_late, next_sent = 0.0, 20.0, 60.0
    assert next_sent - sent >= 60.0
    assert next_sent - counted_late < 60.0
    bucket = MinuteBucket(1)
    bucket.take(sent)
    bucket.answered(counted_late)
    assert bucket.wait(next_sent) == 20.0


def test_a_request_not_sent_costs_nothing() -> None:
    bucket = MinuteBucket(1)
    bucket.take(0.0)
    assert bucket.wait(1.0) > 0
    bucket.not_sent()
    assert bucket.wait(1.0) == 0.0


def quota(notes: MemoryNotes, limit: int | None, **limits: object) -> DailyQuota:
    made = Limits(requests_per_day=limit, **limits)  # type: ignore[arg-type]
    return DailyQuota("fake", made, notes, wall)


async def test_the_day_is_counted_in_blocks_before_sending() -> None:
    notes = MemoryNotes()
    day = quota(notes, 500)
    await day.load()
    for spent in range(1, 26):
        await day.take()
        assert json.loads(notes.kept["quota:fake"])["used"] >= spent
    assert notes.writes == 3
    await day.save()
    assert json.loads(notes.kept["quota:fake"])["used"] == 25


async def test_a_crash_wastes_a_block_at_most_and_spends_none_twice() -> None:
    notes = MemoryNotes()
    sent = 0
    for _ in range(100):
        day = quota(notes, 500)
        await day.load()
        for _ in range(7):
            try:
                await day.take()
            except QuotaExhausted:
                break
            sent += 1
            day.answered()
    assert 300 < sent <= 500


async def test_the_day_ends_when_the_providers_does() -> None:
    notes = MemoryNotes()
    day = quota(notes, 2, reset_time_zone="America/New_York", reset_hour=17)
    await day.load()
    # 10:00 UTC is 05:00 in New York: twelve hours until 17:00.
    assert day.resets_at == MIDNIGHT + 22 * 3600 * 1_000_000
    for _ in range(2):
        await day.take()
        day.answered()
    with pytest.raises(QuotaExhausted) as caught:
        await day.take()
    assert caught.value.retry_after == 12 * 3600
    await asyncio.sleep(12 * 3600)
    await day.take()
    assert (day.used, day.left) == (1, 1)


async def test_what_is_under_way_at_midnight_counts_in_both_days() -> None:
    day = quota(MemoryNotes(), 2)
    await day.load()
    await day.take()
    await asyncio.sleep(15 * 3600)
    assert day.left == 1


async def test_a_clock_set_back_gives_no_request_twice_and_a_wrong_one_blocks_nothing() -> None:
    notes = MemoryNotes()
    notes.kept["quota:fake"] = json.dumps({"day": "2026-01-02", "used": 5})
    day = quota(notes, 5)
    await day.load()
    assert day.left == 0
    notes.kept["quota:fake"] = json.dumps({"day": "2099-01-01", "used": 5})
    day = quota(notes, 5)
    await day.load()
    assert day.left == 5


@pytest.mark.parametrize("text", ["", "7", "{}", '{"day": "2026-01-01", "used": "x"}'])
async def test_a_note_that_cannot_be_read_is_said(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    notes = MemoryNotes()
    notes.kept["quota:fake"] = text
    day = quota(notes, 5)
    await day.load()
    assert day.left == 5
    assert "cannot be read" in caplog.text


async def test_a_full_disk_is_said_and_stops_no_request(caplog: pytest.LogCaptureFixture) -> None:
    notes = MemoryNotes()
    notes.is_broken = True
    day = quota(notes, 2)
    await day.load()
    await day.take()
    await day.take()
    assert "not on disk (OSError)" in caplog.text
    with pytest.raises(QuotaExhausted):
        await day.take()


def _spend_and_be_killed(folder: Path, *options: str) -> int:
    """Start and kill again and again a process that spends a quota; return what was sent."""
    sent = folder / "sent"
    sent.touch()
    puppet = ROOT / "tests" / "puppets" / "spends_quota.py"
    for life in range(6):
        before = sent.stat().st_size
        with subprocess.Popen(
            [sys.executable, str(puppet), str(folder), "40", *options],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            for _ in itertools.islice(process.stdout, 9 + life):
                pass
            process.send_signal(signal.SIGKILL)
        if sent.stat().st_size == before:
            break
    return sent.stat().st_size


def test_a_quota_survives_kill_9(tmp_path: Path) -> None:
    assert 30 <= _spend_and_be_killed(tmp_path) <= 40


def test_without_the_note_kill_9_spends_it_again(tmp_path: Path) -> None:
    assert _spend_and_be_killed(tmp_path, "--forgetful") > 40
