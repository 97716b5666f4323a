"""The position's file, whatever happens to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading_dashboard.agents.market_data.demo.journal import PositionJournal, ReplayRecord


def record(offset: float) -> ReplayRecord:
    return ReplayRecord(
        session="2012-09-04", offset=offset, speed=60.0, paused=False, configured="x at 60"
    )


def test_the_newest_record_is_read(tmp_path: Path) -> None:
    journal = PositionJournal(tmp_path / "position")
    assert journal.read() is None
    for offset in range(5):
        journal.write(record(offset))
    journal.sync()
    journal.close()
    again = PositionJournal(tmp_path / "position")
    assert again.read() == record(4)
    again.write(record(5))
    assert again.read() == record(5)
    again.close()
    assert (tmp_path / "position").stat().st_mode & 0o777 == 0o600


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(writes=st.integers(1, 6), torn_at=st.integers(0, 511), garbage=st.binary(max_size=64))
def test_a_torn_write_leaves_the_record_before(
    tmp_path: Path, writes: int, torn_at: int, garbage: bytes
) -> None:
    """A write that stops at any byte is noticed; the other record is there."""
    path = tmp_path / "position"
    path.unlink(missing_ok=True)
    journal = PositionJournal(path)
    for offset in range(writes + 1):
        journal.write(record(offset))
    journal.close()
    content = bytearray(path.read_bytes())
    newest = ((writes + 1) % 2) * 512
    torn = content[newest : newest + torn_at] + garbage
    content[newest : newest + 512] = torn[:512].ljust(512, b"\0")
    path.write_bytes(content)
    again = PositionJournal(path)
    found = again.read()
    again.close()
    # A cut within the padding does no harm, a cut within the record brings the one before.
    assert found in (record(writes), record(writes - 1))


def test_a_file_of_garbage_is_told_and_started_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "position"
    path.write_bytes(b"\xff" * 2000)
    journal = PositionJournal(path)
    assert journal.read() is None
    assert "no whole record" in caplog.text
    journal.write(record(1))
    assert journal.read() == record(1)
    journal.close()
