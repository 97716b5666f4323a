"""Calendars: right, computed beside, kept on disk, checked, renewed; unknown ones named."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from trading_dashboard.agents.market_data import calendars as calendars_module
from trading_dashboard.agents.market_data.calendars import (
    DAYS_AHEAD,
    ExchangeCalendars,
    compute_in_child,
    library_version,
)
from trading_dashboard.agents.market_data.errors import CalendarUnavailable, UnknownCalendar

DAY = 86_400.0
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


class Computer:
    """Computes each calendar really, once per test process, and counts what is asked."""

    _answers: dict[tuple[str, str, str], bytes] = {}  # noqa: RUF012 - shared on purpose

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.error: Exception | None = None

    def __call__(self, *question: str) -> bytes:
        name, first, last = question
        self.asked.append((name, first, last))
        if self.error is not None:
            raise self.error
        if (name, first, last) not in self._answers:
            self._answers[name, first, last] = compute_in_child(name, first, last)
        return self._answers[name, first, last]


@pytest.fixture
def computer() -> Computer:
    return Computer()


@pytest.fixture
def calendars(tmp_path: Path, computer: Computer) -> ExchangeCalendars:
    return ExchangeCalendars(tmp_path / "calendars", compute=computer, clock=lambda: NOW)


def micro(*when: int) -> int:
    year, month, day, hour, minute = when
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000


def test_sessions_of_new_york(calendars: ExchangeCalendars) -> None:
    found = calendars.sessions("XNYS")
    assert found.time_zone == "America/New_York"
    index = int(np.searchsorted(found.day, (date(2026, 11, 27) - date(1970, 1, 1)).days))
    # The half day after Thanksgiving, in winter time.
    assert found.open_at[index] == micro(2026, 11, 27, 14, 30)
    assert found.close_at[index] == micro(2026, 11, 27, 18, 0)
    assert found.break_start[index] == found.break_end[index] == 0
    summer = int(np.searchsorted(found.day, (date(2026, 7, 1) - date(1970, 1, 1)).days))
    assert found.open_at[summer] == micro(2026, 7, 1, 13, 30)
    assert found.day[0] == (date(1990, 1, 2) - date(1970, 1, 1)).days
    assert found.day[-1] >= (date(2027, 11, 18) - date(1970, 1, 1)).days


def test_a_break_and_bounds_of_the_library(calendars: ExchangeCalendars) -> None:
    found = calendars.sessions("XHKG")
    at = np.array([micro(2026, 11, 20, 3, 59), micro(2026, 11, 20, 4, 0)])
    assert list(found.index_at(at) >= 0) == [True, False]
    assert len(calendars.sessions("XTKS")) > 7_000


def test_aliases_share_and_the_library_is_asked_once(
    calendars: ExchangeCalendars, computer: Computer
) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(calendars.sessions("NYSE"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one is calendars.sessions("XNYS") for one in found)
    assert len(computer.asked) == 1


def test_always_open_is_made_without_the_library(
    calendars: ExchangeCalendars, computer: Computer
) -> None:
    found = calendars.sessions("24/7")
    assert (found.open_at[1:] == found.close_at[:-1]).all()
    assert (found.index_at(np.array([micro(2026, 11, 22, 0, 0)])) >= 0).all()
    assert computer.asked == []


def test_an_unknown_calendar_names_what_is_near(calendars: ExchangeCalendars) -> None:
    with pytest.raises(UnknownCalendar) as caught:
        calendars.sessions("XNYZ")
    assert caught.value.code == "unknown_calendar"
    assert "XNYS" in str(caught.value)
    with pytest.raises(UnknownCalendar):
        calendars.sessions("../" * 50_000)


def again(tmp_path: Path, computer: Computer, now: float = NOW) -> ExchangeCalendars:
    return ExchangeCalendars(tmp_path / "calendars", compute=computer, clock=lambda: now)


def test_the_next_start_costs_nothing(
    tmp_path: Path, calendars: ExchangeCalendars, computer: Computer
) -> None:
    first = calendars.sessions("XNYS")
    second = again(tmp_path, computer, NOW + 30 * DAY).sessions("XNYS")
    assert len(computer.asked) == 1
    assert (first.open_at == second.open_at).all()
    files = [file.name for file in (tmp_path / "calendars").iterdir()]
    assert files == [f"XNYS-{library_version()}.calendar"]


def test_it_is_computed_again_after_a_while(
    tmp_path: Path, calendars: ExchangeCalendars, computer: Computer
) -> None:
    first = calendars.sessions("XNYS")
    second = again(tmp_path, computer, NOW + 61 * DAY).sessions("XNYS")
    assert len(computer.asked) == 2
    assert second.day[-1] > first.day[-1]


def test_one_that_runs_for_long_renews_and_survives_a_failure(
    tmp_path: Path, computer: Computer
) -> None:
    clock = [NOW]
    calendars = ExchangeCalendars(tmp_path, compute=computer, clock=lambda: clock[0])
    first = calendars.sessions("XNYS")
    clock[0] += 61 * DAY
    computer.error = CalendarUnavailable("broken.")
    assert calendars.sessions("XNYS") is first
    assert calendars.sessions("XNYS") is first
    assert len(computer.asked) == 2
    clock[0] += 601
    computer.error = None
    assert calendars.sessions("XNYS").day[-1] > first.day[-1]


def test_another_version_computes_again_and_cleans_up(
    tmp_path: Path,
    calendars: ExchangeCalendars,
    computer: Computer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calendars.sessions("XNYS")
    monkeypatch.setattr(calendars_module, "library_version", lambda: "99.0")
    again(tmp_path, computer).sessions("XNYS")
    assert len(computer.asked) == 2
    assert [file.name for file in (tmp_path / "calendars").iterdir()] == ["XNYS-99.0.calendar"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(bytes(content))


def garble(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 1000)


def forge(path: Path) -> None:
    """Swap opens and closes under a checksum that fits."""
    import hashlib

    head, _, payload = path.read_bytes().partition(b"\n")
    table = np.frombuffer(payload, "<i8").reshape(5, -1)[[0, 2, 1, 3, 4]]
    words = json.loads(head) | {"sha256": hashlib.sha256(table.tobytes()).hexdigest()}
    path.write_bytes(json.dumps(words).encode() + b"\n" + table.tobytes())


def escape(path: Path) -> None:
    head, _, payload = path.read_bytes().partition(b"\n")
    words = json.loads(head) | {"time_zone": "../../etc/passwd"}
    path.write_bytes(json.dumps(words).encode() + b"\n" + payload)


def bloat(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(9 * 1024 * 1024)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def rename(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"XNYS"', b'"XLON"', 1))


@pytest.mark.parametrize("damage", [cut, flip, garble, forge, escape, bloat, pipe, rename])
def test_a_damaged_file_is_noticed_and_rebuilt(
    tmp_path: Path,
    calendars: ExchangeCalendars,
    computer: Computer,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = calendars.sessions("XNYS")
    path = next((tmp_path / "calendars").iterdir())
    damage(path)
    with caplog.at_level(logging.WARNING):
        found = again(tmp_path, computer).sessions("XNYS")
    assert (found.close_at == whole.close_at).all()
    assert "computed anew" in caplog.text
    assert len(computer.asked) == 2
    again(tmp_path, computer).sessions("XNYS")
    assert len(computer.asked) == 2


def test_a_folder_that_cannot_be_written_only_costs_time(
    tmp_path: Path, computer: Computer, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "calendars").write_text("in the way")
    assert len(again(tmp_path, computer).sessions("XNYS")) > 9_000
    assert "could not be kept" in caplog.text


# The process.


def test_a_child_that_fails_hangs_or_lies_is_told(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text("raise SystemExit('the library is broken')", encoding="utf-8")
    with pytest.raises(CalendarUnavailable, match="the library is broken"):
        compute_in_child("XNYS", "2026-01-01", "2026-02-01", script)
    script.write_text("import time; time.sleep(60)", encoding="utf-8")
    with pytest.raises(CalendarUnavailable, match=r"no answer within 0\.3 s"):
        compute_in_child("XNYS", "2026-01-01", "2026-02-01", script, 0.3)
    lying = ExchangeCalendars(tmp_path, compute=lambda *_: b"{}\nlies", clock=lambda: NOW)
    with pytest.raises(CalendarUnavailable, match="damaged"):
        lying.sessions("XNYS")


def test_a_calendar_the_library_knows_only_of_late() -> None:
    last = date.fromtimestamp(NOW).toordinal() + DAYS_AHEAD  # noqa: DTZ012 - a day will do
    content = compute_in_child("XTAE", "1990-01-01", date.fromordinal(last).isoformat())
    assert json.loads(content.partition(b"\n")[0])["sessions"] > 300


def test_pandas_never_enters_the_agent(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from trading_dashboard.agents.market_data.calendars import ExchangeCalendars;"
        "print(len(ExchangeCalendars(Path(sys.argv[1])).sessions('XNYS')) > 9000,"
        "{'pandas', 'exchange_calendars'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "set()"]
