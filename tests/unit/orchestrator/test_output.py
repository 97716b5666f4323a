"""What becomes of output before it is kept: secrets, levels, the ring, rotation, streams."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.config.settings import LogSettings
from trading_dashboard.models.events import LogFigures
from trading_dashboard.orchestrator.output import pump
from trading_dashboard.orchestrator.output.book import LogBook
from trading_dashboard.orchestrator.output.files import RotatingFile
from trading_dashboard.orchestrator.output.levels import detect_level
from trading_dashboard.orchestrator.output.pump import LogPump, OutputStream
from trading_dashboard.orchestrator.output.redaction import Redactor, secret_values
from trading_dashboard.orchestrator.output.ring import LogRing


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic [redacted]"),
        ("sent bearer abcdefgh12345678", "sent bearer [redacted]"),
        ('{"api_key": "abc123", "a": 1}', '{"api_key": "[redacted]", "a": 1}'),
        ("PASSWORD=hunter2 user=me", "PASSWORD=[redacted] user=me"),
        ("GET /x?a=1&token=abc&b=2", "GET /x?a=1&token=[redacted]&b=2"),
        ("key=abc", "key=[redacted]"),
        ("postgres://me:pw@host/db", "postgres://me:[redacted]@host/db"),
        ("monkey=banana; KeyError: 'x'", "monkey=banana; KeyError: 'x'"),
        ("the token bucket is full", "the token bucket is full"),
        ("keyboard: qwerty", "keyboard: qwerty"),
        ("AWS_SECRET_ACCESS_KEY=AKIA12", "AWS_SECRET_ACCESS_KEY=[redacted]"),
        ("{'passwd': 'two words, more'}", "{'passwd': '[redacted]'}"),
        ('{"password": "a\\"b c", "x": 1}', '{"password": "[redacted]", "x": 1}'),
        ('{"m": "{\\"token\\": \\"a b\\"}"}', '{"m": "{\\"token\\": \\"[redacted]\\"}"}'),
        ("password='never closed\nnext", "password='[redacted]\nnext"),
        ("Cookie: session=abc; theme=x", "Cookie: [redacted]"),
        ("got eyJhbGciOiJI.eyJzdWIiOiIx.abc_-1 back", "got [redacted] back"),
    ],
)
def test_redaction(text: str, kept: str) -> None:
    assert Redactor().redact(text) == kept


def test_known_secrets_are_found_wherever_they_stand() -> None:
    values = secret_values(
        {
            "DB_PASSWORD": "p@ss word!",
            "AWS_SECRET_ACCESS_KEY": "line one of it\nline two of it",
            "TOKEN_FILE": "/path/to/token",
            "MODE": "development",
            "PIN_KEY": "short",
            "TRADING_DASHBOARD_KEY_ALPHA_VANTAGE": "0123456789ABCDEF",
            "PWD": "development",
        }
    )
    redactor = Redactor(values)
    assert redactor.redact("<p@ss word!> line two of it") == "<[redacted]> [redacted]"
    assert redactor.redact("?apikez=0123456789ABCDEF") == "?apikez=[redacted]"
    assert redactor.redact("/path/to/token development short") == "/path/to/token development short"


def test_secrets_are_found_in_settings_however_they_are_handed_over() -> None:
    settings = {"feed": {"api_key": "abcdefghij"}, "more": [{"password": "klmnopqrst"}], "n": 1}
    assert secret_values(settings) == {"abcdefghij", "klmnopqrst"}
    assert secret_values({"SETTINGS": json.dumps(settings)}) == {"abcdefghij", "klmnopqrst"}
    assert secret_values({"SETTINGS": "{no json"}) == set()


_TOLD = ("password", "token", "key", "cookie", "=", ":", " ", '"', "'", "\\", "x", "\n", "[", "]")


@given(st.lists(st.sampled_from(_TOLD), max_size=12).map("".join))
def test_redaction_is_stable_for_what_it_looks_for(text: str) -> None:
    once = Redactor().redact(text)
    assert once.count("\n") == text.count("\n")
    assert Redactor().redact(once) == once


@given(st.text(max_size=300))
def test_redaction_keeps_the_number_of_lines_and_is_stable(text: str) -> None:
    once = Redactor(["secret value"]).redact(text)
    assert once.count("\n") == text.count("\n")
    assert Redactor(["secret value"]).redact(once) == once


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("INFO:     Started server", "info"),
        ("2026-01-01 10:00:00,000 - app - WARNING - slow", "warning"),
        ("ERROR in feed", "error"),
        ("[debug] polling", "debug"),
        ("level=warn msg=x", "warning"),
        ("error: no such file", "error"),
        ("finished with no error at all", "info"),
        ("Traceback (most recent call last):", "error"),
        ('{"level": "error", "message": "x"}', "error"),
        ('{"severity": "NOTICE"}', "info"),
        ('{"level": 40}', "warning"),
        ('{"level": null}', "info"),
        ("{not json ERROR", "error"),
        ("", "info"),
    ],
)
def test_level(text: str, level: str) -> None:
    assert detect_level(text) == level


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=5), min_size=1)))
def test_ring_holds_the_newest_lines(blocks: list[list[str]]) -> None:
    ring = LogRing("a", 10)
    lines: list[str] = []
    for block in blocks:
        ring.append("stdout", 0.0, block)
        lines += block
    found = ring.tail(10)
    assert [line.text for line in found] == lines[-10:]
    assert [line.seq for line in found] == list(range(len(lines) + 1))[1:][-10:]
    assert [line.text for line in ring.tail(3)] == lines[-3:]
    assert ring.tail(0) == []
    assert [line.text for line in ring.since(1, 2)] == lines[-10:][:2]


def test_rotation_keeps_sizes_and_whole_lines(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.log", 100, 2)
    for number in range(100):
        file.write(f"line {number:03}\n".encode() * 3)
    file.close()
    found = [tmp_path / name for name in ("a.log.2", "a.log.1", "a.log")]
    assert sorted(tmp_path.iterdir()) == sorted(found)
    assert all(path.stat().st_size <= 100 for path in found)
    lines = [line for path in found for line in path.read_text().splitlines()]
    assert lines == sorted(lines)
    assert lines[-1] == "line 099"


def test_rotation_without_backups_starts_over(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.log", 10, 0)
    for _ in range(3):
        file.write(b"12345678\n")
    file.close()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"12345678\n"]


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=30))
def test_lines_do_not_depend_on_how_they_were_cut_into_reads(data: bytes, sizes: list[int]) -> None:
    whole, pieces = Sink(), Sink()
    whole.feed([data])
    parts, rest = [], data
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    pieces.feed([*parts, rest])
    assert whole.lines == pieces.lines


def test_a_flood_keeps_the_newest_and_counts_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "KEEP_BURST_BYTES", 1000)
    monkeypatch.setattr(pump, "KEEP_BYTES_PER_SECOND", 0)
    monkeypatch.setattr(pump, "NEWEST_BYTES", 1000)
    sink = Sink()
    sink.feed(
        [b"".join(b"%06d\n" % (start + n) for n in range(50)) for start in range(0, 5000, 50)]
    )
    assert sink.lines[:2] == ["000000", "000001"]
    assert sink.lines[-1] == "004999"
    assert all(len(line) == 6 for line in sink.lines)
    assert len(sink.notices) == 1
    left_out = int(sink.notices[0].split()[0])
    # One line at the edge of the gap is given up as well: it might be the end of another.
    assert 0 <= 5000 - len(sink.lines) - left_out <= 1


class Sink:
    """An agent's log that only remembers, and a stream that feeds it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.notices: list[str] = []
        self.output = LogFigures()

    def add(self, stream: str, data: bytes) -> None:
        self.lines += data.decode(errors="replace").split("\n")

    def note(self, level: str, text: str) -> None:
        self.notices.append(text)

    def feed(self, reads: list[bytes]) -> None:
        stream = OutputStream(-1, "stdout", self, 100_000)  # type: ignore[arg-type]
        for data in reads:
            stream.feed(data)
        stream.finish()


class SlowSink(Sink):
    """A log that keeps whoever writes to it until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reached = threading.Event()
        self.may_go_on = threading.Event()

    def add(self, stream: str, data: bytes) -> None:
        self.is_reached.set()
        self.may_go_on.wait(10)


@pytest.mark.parametrize("is_too_fast", [True, False], ids=["", "control"])
def test_what_was_written_and_what_was_dropped_is_counted(
    monkeypatch: pytest.MonkeyPatch, is_too_fast: bool
) -> None:
    monkeypatch.setattr(pump, "NEWEST_BYTES", 2_000)
    if is_too_fast:
        monkeypatch.setattr(pump, "KEEP_BURST_BYTES", 0)
        monkeypatch.setattr(pump, "KEEP_BYTES_PER_SECOND", 0)
    sink = Sink()
    sink.feed([b"x" * 99 + b"\n"] * 100)
    assert sink.output.written_bytes == 10_000
    kept = sum(len(line) + 1 for line in sink.lines)
    assert sink.output.dropped_lines == (80 if is_too_fast else 0)
    if not is_too_fast:
        assert (kept, sink.output.dropped_bytes) == (10_000, 0)
        return
    # One line after the gap may have begun before it: it is left out too, but for its line feed.
    assert sink.output.dropped_bytes == 8_000 + 99
    assert kept == 10_000 - 8_000 - 100
    assert "80 lines" in sink.notices[0]


def test_the_rest_of_a_line_that_is_too_long_is_counted_as_dropped() -> None:
    sink = Sink()
    sink.feed([b"x" * 150_000, b"y" * 50_000, b"z\nshort\n"])
    assert sink.output.written_bytes == 200_008
    assert sink.output.dropped_bytes == 200_001 - sum(map(len, sink.lines)) + len("short")
    assert sink.output.dropped_lines == 0


def test_a_pipe_that_ends_together_with_the_order_to_close_it_does_not_end_the_pump() -> None:
    pump, slow, sink = LogPump(lambda: None), SlowSink(), Sink()
    (reading, writing), (other_reading, other_writing) = os.pipe(), os.pipe()
    stream = OutputStream(reading, "stdout", sink, 100)  # type: ignore[arg-type]
    other = OutputStream(other_reading, "stdout", slow, 100)  # type: ignore[arg-type]
    pump.start()
    pump.add(stream)
    pump.add(other)
    os.write(other_writing, b"while this is read\n")
    assert slow.is_reached.wait(10)
    pump.finish([stream], lambda: None)
    os.close(writing)
    slow.may_go_on.set()
    done = threading.Event()
    os.close(other_writing)
    pump.finish([other], done.set)
    assert done.wait(10)
    pump.close(10)


def test_control_characters_do_not_reach_a_terminal(tmp_path: Path) -> None:
    log = LogBook(tmp_path, LogSettings()).log("a")
    log.add("stdout", b"\x1b[31mred\x1b[0m \x1b]0;title\x07ok\x00\r\nsecond\rthird\ttab \xff")
    assert [line.text for line in log.ring.tail(10)] == ["red ok", "second", "third\ttab �"]
