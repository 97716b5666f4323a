"""The archive against `kill -9`, a full disk and damage."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PUPPETS, ROOT
from tests.unit.market_data.store.conftest import bars
from trading_dashboard.agents.market_data.errors import StoreDamaged
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.backup import back_up_into, open_archive
from trading_dashboard.agents.market_data.store.contract import Writing
from trading_dashboard.agents.market_data.store.integrity import check_deeply

ROUNDS = int(os.environ.get("TD_KILL_ROUNDS", "6"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


def told_before_a_kill(archive: Path, chance: random.Random, *options: str) -> int:
    """Let the puppet write, kill it after some writings and a while; return the last it told."""
    command = [sys.executable, str(PUPPETS / "writes_until_killed.py"), str(archive), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        line = b""
        try:
            for _ in range(chance.randrange(1, 60)):
                line = process.stdout.readline()
                assert line
            # Any moment of the next writing: so far it gets while this loop turns.
            for _ in range(chance.randrange(1, 200_000)):
                pass
        finally:
            process.kill()
        return int([line, *process.stdout.read().splitlines()][-1])


def whole_writings(archive: DuckArchive) -> int:
    """Return how many writings are there, having seen that each is whole and nothing is wrong."""
    assert check_deeply(archive.store).findings == []
    closes = archive.bars("file", "S", "1d").column("close").to_pylist()
    last = int(archive.note("last") or 0)
    assert closes == [float(number) for number in range(1, last + 1) for _ in range(50)]
    return last


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path, chance = tmp_path / "archive.duckdb", random.Random(9)
    for _ in range(ROUNDS):
        told = told_before_a_kill(path, chance)
        with DuckArchive(path, compact_rows=500) as archive:
            assert whole_writings(archive) >= told


def test_the_kill_test_notices_what_is_told_too_early(tmp_path: Path) -> None:
    path, chance = tmp_path / "archive.duckdb", random.Random(9)
    lost = 0
    for _ in range(12):
        told = told_before_a_kill(path, chance, "early")
        with DuckArchive(path, compact_rows=500) as archive:
            lost += told > whole_writings(archive)
        if lost:
            return
    pytest.fail("nothing was lost")


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    done = subprocess.run(
        [sys.executable, str(PUPPETS / "fills_its_disk.py"), str(path)],
        capture_output=True, text=True, check=True, env=ENVIRONMENT,
    )  # fmt: skip
    acknowledged, refused, before, after = json.loads(done.stdout)
    assert acknowledged > 1
    assert len(refused) == 3
    assert all("no room" in text for text in refused)
    assert (before, after) == (acknowledged, acknowledged + 1)
    with DuckArchive(path) as archive:
        assert check_deeply(archive.store).findings == []
        assert [info.rows for info in archive.series()] == [after * 20_000]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Return a closed archive of some size."""
    path = tmp_path / "archive.duckdb"
    with DuckArchive(path) as archive:
        for number in range(20):
            archive.write(Writing(bars=[bars(f"S{number}", count=2_000, close=5.5)]))
        archive.compact()
    return path


def scribble(path: Path, begin: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(random.Random(1).randbytes(count))


def test_a_damaged_file_is_set_aside_and_the_newest_whole_backup_taken(
    stored: Path, tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    with DuckArchive(stored) as archive:
        good = back_up_into(archive, backups)
        archive.write(Writing(notes={"after": "the backup"}))
        bad = back_up_into(archive, backups)
    scribble(stored, 0, 20_000)
    scribble(bad, 0, 20_000)
    with pytest.raises(StoreDamaged, match="damaged"):
        DuckArchive(stored)
    archive, recovery = open_archive(stored, backups)
    with archive:
        assert recovery is not None
        assert recovery.backup == good
        assert recovery.aside.stat().st_size > 0
        assert str(recovery.aside) in str(recovery)
        assert archive.note("after") is None
        assert len(archive.series()) == 20


def test_without_a_backup_it_begins_empty_and_says_so(stored: Path) -> None:
    scribble(stored, 0, 20_000)
    archive, recovery = open_archive(stored)
    with archive:
        assert "begins empty" in str(recovery)
        assert not archive.series()
    archive, recovery = open_archive(stored)
    archive.close()
    assert recovery is None


def test_damage_in_the_middle_is_found_by_the_deep_check(stored: Path) -> None:
    size = stored.stat().st_size
    scribble(stored, size // 2, size // 4)
    try:
        with DuckArchive(stored) as archive:
            findings = check_deeply(archive.store).findings
    except StoreDamaged as error:
        findings = [str(error)]
    assert findings


def test_a_row_changed_behind_its_back_is_found(stored: Path) -> None:
    with DuckArchive(stored) as archive:
        (part,) = [part for part in archive.store.parts.every if part.rows]
        with archive.store.database.transaction() as cursor:
            cursor.execute(f"UPDATE {part.table} SET close = 7 WHERE series = 3 AND start = 0")
        assert check_deeply(archive.store).findings == [
            f"{part.table} is not what was written: its digest differs"
        ]
        with archive.store.database.transaction() as cursor:
            cursor.execute(f"DELETE FROM {part.table} WHERE series = 3")
    with pytest.raises(StoreDamaged) as caught:
        DuckArchive(stored)
    assert "38000 rows, 40000 were written" in str(caught.value.observed)
