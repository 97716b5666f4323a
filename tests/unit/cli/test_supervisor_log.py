"""The supervisor's log on a bad disk: records are lost and counted, and nothing fails."""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path

import pytest

from tests.support import eventually_sync
from trading_dashboard.cli.supervisor_log import LOG_NAME, SinkHandler, supervisor_log
from trading_dashboard.config.settings import LogSettings
from trading_dashboard.orchestrator.output.files import RotatingFile

_log = logging.getLogger("trading_dashboard.test")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_fails_neither_a_record_nor_the_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / LOG_NAME
    path.symlink_to("/dev/full")
    with supervisor_log() as log:
        log.open(tmp_path, LogSettings())
        _log.info("lost")
    assert capfd.readouterr().err == "", "no traceback on the terminal"


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_lost_records_are_counted_when_there_is_room_again(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.symlink_to("/dev/full")
    handler = SinkHandler(RotatingFile(path, max_bytes=64 * 1024, backups=1))
    handler.handle(logging.makeLogRecord({"msg": "lost"}))
    path.unlink()
    handler.handle(logging.makeLogRecord({"msg": "kept"}))
    handler.close()
    written = path.read_text().splitlines()
    assert written == ["records lost: 1 (No space left on device)", "kept"]


def test_a_deleted_folder_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with supervisor_log() as log:
        log.open(folder, LogSettings())
        _log.info("before")
        path = folder / LOG_NAME
        eventually_sync(path.exists)
        shutil.rmtree(folder)
        _log.info("after")
        eventually_sync(lambda: path.exists() and "after" in path.read_text())
        assert path.stat().st_mode & 0o777 == 0o600
