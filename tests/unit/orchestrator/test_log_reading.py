"""JSON lines as readers see them, and log files that grow old."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import eventually_sync
from trading_dashboard.config.settings import LogSettings
from trading_dashboard.orchestrator.output.book import LogBook
from trading_dashboard.orchestrator.output.files import LogWriter, RotatingFile
from trading_dashboard.orchestrator.output.housekeeping import SECONDS_PER_DAY, remove_old_files
from trading_dashboard.orchestrator.output.redaction import Redactor
from trading_dashboard.orchestrator.output.ring import LogRing
from trading_dashboard.orchestrator.output.structured import Meaning, read_line


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ('{"level": "error", "message": "no feed"}', Meaning("error", "no feed")),
        (
            '{"time": "x", "level": "info", "logger": "a.b", "message": "up", "port": 1, "s": "x"}',
            Meaning("info", "up port=1 s=x", "a.b"),
        ),
        ('{"msg": "slow", "level": 40, "a": {"b": 2}}', Meaning("warning", 'slow a={"b": 2}')),
        ('{"message": "a", "traceback": "T\\n  B"}', Meaning("info", "a\nT\n  B")),
        ('{"message": "a\\u001b[2Jb\\u0007"}', Meaning("info", "ab")),
        ('{"message": 1}', Meaning("info", '{"message": 1}')),
        ('{"message": "cut … [cut]', Meaning("info", '{"message": "cut … [cut]')),
        ("plain WARNING text", Meaning("warning", "plain WARNING text")),
        ('{"a":' * 5000, Meaning("info", '{"a":' * 5000)),
    ],
)  # fmt: skip
def test_a_line_is_read_as_what_it_says(line: str, meaning: Meaning) -> None:
    assert read_line(line) == meaning


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=20) | st.integers() | st.none()))
def test_any_record_can_be_read(record: dict[str, object]) -> None:
    meaning = read_line(json.dumps(record))
    assert "\x1b" not in meaning.text
    assert meaning.level in ("debug", "info", "warning", "error")


def test_the_ring_gives_the_message_and_its_logger() -> None:
    ring = LogRing("a", 10)
    ring.append("stdout", 0.0, ['{"level": "error", "message": "no", "logger": "x.y"}', "plain"])
    first, second = ring.tail(5)
    assert (first.level, first.text, first.logger) == ("error", "no", "x.y")
    assert (second.level, second.text, second.logger) == ("info", "plain", None)


def test_a_secret_is_found_as_json_writes_it() -> None:
    redactor = Redactor(['quo"ted-späcial'])
    for line in (json.dumps({"message": 'quo"ted-späcial'}), '{"m": "quo\\"ted-späcial"}'):
        assert "ted-sp" not in redactor.redact(line)


def test_the_file_keeps_what_was_written(tmp_path: Path) -> None:
    book = LogBook(tmp_path, LogSettings())
    book._writer.start()
    book.log("one").add("stdout", b'{"level": "error", "message": "no feed"}')
    book.close(5)
    assert book.path("one").read_text().endswith('{"level": "error", "message": "no feed"}\n')


def old(path: Path, days: float) -> Path:
    path.write_text("x\n", "utf-8")
    then = time.time() - days * SECONDS_PER_DAY
    os.utime(path, (then, then))
    return path


def test_only_old_rotated_files_are_removed(tmp_path: Path) -> None:
    gone = [old(tmp_path / "a.log.1", 31), old(tmp_path / "supervisor.log.12", 400)]
    kept = [
        old(tmp_path / "a.log", 99), old(tmp_path / "b.log.1", 29), old(tmp_path / "notes.1", 99),
        old(tmp_path / "a.log.old", 99), old(tmp_path / "A.log.1", 99),
    ]  # fmt: skip
    (tmp_path / "c.log.1").mkdir()
    link = tmp_path / "d.log.1"
    link.symlink_to(kept[0])
    assert remove_old_files(tmp_path, 30 * SECONDS_PER_DAY) == 2
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in [*kept, link])
    assert remove_old_files(tmp_path / "nowhere", 1) == 0


def test_a_small_file_is_rotated_when_it_is_old(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    began = datetime.now(UTC) - timedelta(days=2)
    stamp = began.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    path.write_text(f"{stamp} stdout long ago\n", "utf-8")
    patient, file = (RotatingFile(path, 10_000, 2, days * SECONDS_PER_DAY) for days in (3, 1))
    patient.write(b"not yet\n")
    patient.close()
    assert not (tmp_path / "a.log.1").exists()
    file.write(b"today\n")
    file.write(b"also today\n")
    file.close()
    assert path.read_text() == "today\nalso today\n"
    assert "long ago" in (tmp_path / "a.log.1").read_text()
    assert not (tmp_path / "a.log.2").exists()


def test_old_files_are_looked_for_while_nobody_writes() -> None:
    looks: list[str] = []
    writer = LogWriter(lambda: looks.append(threading.current_thread().name), 0.01)
    writer.start()
    eventually_sync(lambda: len(looks) >= 3)
    writer.close(5)
    assert set(looks) == {"log-writer"}
