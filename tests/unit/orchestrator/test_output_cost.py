"""What keeping output may cost: a thread that rests, and a budget that counts time as well."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.models.events import LogFigures
from trading_dashboard.orchestrator.output import pace, pump, redaction
from trading_dashboard.orchestrator.output.pace import Pace
from trading_dashboard.orchestrator.output.pipe_threads import ThreadedLogPump
from trading_dashboard.orchestrator.output.pump import READ_BYTES, LogPump, OutputStream
from trading_dashboard.orchestrator.output.redaction import REDACTED, Redactor


class WorkClock:
    """The time a thread worked, as told; and how long it slept."""

    def __init__(self) -> None:
        self.worked = 100.0
        self.slept: list[float] = []

    def thread_time(self) -> float:
        return self.worked

    def monotonic(self) -> float:
        return 0.0  # nothing is refilled

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> WorkClock:
    clock = WorkClock()
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr(pump, "time", clock)
    return clock


def test_a_thread_rests_half_as_long_as_it_worked(clock: WorkClock) -> None:
    pace = Pace()
    pace.begin()
    for worked in (0.001, 0.003, 0.001, 0.001, 0.001, 0.002):
        clock.worked += worked
        pace.rest()
    assert clock.slept == pytest.approx([0.002, 0.0015])


def test_a_rest_is_never_long(clock: WorkClock) -> None:
    pace = Pace()
    pace.begin()
    clock.worked += 60
    pace.rest()
    pace.rest()
    assert clock.slept == [0.01]


class SlowToKeep:
    """A log whose every block takes as long as told."""

    def __init__(self, clock: WorkClock, seconds: float) -> None:
        self.blocks = 0
        self.output = LogFigures()
        self._clock, self._seconds = clock, seconds

    def add(self, stream: str, data: bytes) -> None:
        self.blocks += 1
        self._clock.worked += self._seconds


def kept_blocks(clock: WorkClock, seconds: float) -> int:
    """Return how many of 1,000 blocks were kept at once, when each takes that long."""
    log = SlowToKeep(clock, seconds)
    stream = OutputStream(-1, "stdout", log, 100_000)  # type: ignore[arg-type]
    for _ in range(1000):
        stream.feed(b"a line\n" * (READ_BYTES // 7))
    return log.blocks


def test_lines_that_are_slow_to_redact_do_not_slow_the_drain(clock: WorkClock) -> None:
    in_bytes = pump.KEEP_BURST_BYTES // READ_BYTES
    assert kept_blocks(clock, 0.0) == pytest.approx(in_bytes, abs=2)
    # 10 ms a block: the burst is 0.4 s of work, however few bytes that is.
    assert kept_blocks(clock, 0.01) == pytest.approx(40, abs=2)


def test_control_counted_in_bytes_alone_they_would(
    clock: WorkClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "KEEP_SHARE", float("inf"))
    assert kept_blocks(clock, 0.01) == pytest.approx(512, abs=2)


def test_the_pump_rests_between_parts_of_what_it_keeps(clock: WorkClock) -> None:
    log = SlowToKeep(clock, 0.004)
    stream = OutputStream(-1, "stdout", log, 100_000)  # type: ignore[arg-type]
    paced = Pace()
    paced.begin()
    stream.rest = paced.rest
    stream.feed(b"a line\n" * (5 * READ_BYTES // 7))
    assert log.blocks == 5
    assert clock.slept == pytest.approx([0.002] * 5)


@pytest.fixture(params=[LogPump, ThreadedLogPump])
def any_pump(request: pytest.FixtureRequest) -> Iterator[LogPump]:
    made: LogPump = request.param(lambda: None)
    made.start()
    yield made
    made.close(10)


def test_each_pump_gives_its_streams_rests(any_pump: LogPump) -> None:
    reading, writing = os.pipe()
    stream = OutputStream(reading, "stdout", SlowToKeep(WorkClock(), 0), 100)  # type: ignore[arg-type]
    any_pump.add(stream)
    os.close(writing)
    assert stream.rest.__self__.__class__ is Pace  # type: ignore[attr-defined]


_WORDS = (
    "password", "PassWord", "passwd", "passphrase", "secret", "token", "TOKEN", "credential",
    "api", "API", "access", "private", "_", "-", "key", "Key", "KEY=", "key=", "author",
    "Authorization", "bearer ", "Basic ", "cookie", "eyJ", "eyj", ".abcdefgh", "://", "@", ":",
    "=", " ", "\t", '"', "'", "\\", "[redacted]", "[", "]", "\n", "x", "value12345", ",", "{",
    "\u017fecret", "\u0131I", "\u212aey", "İ", "é",
)  # fmt: skip


@given(st.lists(st.sampled_from(_WORDS), max_size=30).map("".join))
def test_beginnings_find_what_sub_finds(text: str) -> None:
    expected = text
    for shape in redaction._SHAPES:
        expected = shape.pattern.sub(rf"\g<1>{REDACTED}", expected)
    # Without one of the hints nothing is looked for, and nothing could be found.
    assert Redactor().redact(text) == expected
