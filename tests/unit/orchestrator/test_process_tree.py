"""Membership: who belongs to a tree, and who does not."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.orchestrator.processes.process_tree import (
    ProcessStat,
    ProcessTable,
    RunMarker,
    members,
    parse_marker,
    read_stat,
    take_snapshot,
)

OURS = RunMarker("run", "agent", 1, "/var")
OTHERS = RunMarker("run", "agent", 2, "/var")


def row(
    pid: int, parent: int = 1, session: int = 0, state: str = "S", start: int = 5
) -> ProcessStat:
    return ProcessStat(
        pid=pid,
        start_ticks=start,
        state=state,
        parent=parent,
        group=session,
        session=session,
        cpu_ticks=0,
        resident_bytes=0,
    )


def table(*rows: ProcessStat, markers: dict[int, RunMarker] | None = None) -> ProcessTable:
    return ProcessTable({found.pid: found for found in rows}, markers or {})


def found_in(snapshot: ProcessTable, session: int | None = 10, **options: object) -> set[int]:
    return set(members(snapshot, session=session, is_ours=OURS.__eq__, **options))  # type: ignore[arg-type]


def test_session_marker_descent_and_memory_make_members() -> None:
    snapshot = table(
        row(10, session=10),
        row(11, parent=10, session=10),
        row(12, session=12),  # the marker
        row(13, parent=12, session=13),  # a child of that one
        row(14, session=12),  # in the session that 12 leads, without parent or marker
        row(15, session=15),  # seen before
        row(16, session=16),
        row(17, session=17),
        markers={12: OURS, 16: OTHERS},
    )
    assert found_in(snapshot, seen=[(15, 5)]) == {10, 11, 12, 13, 14, 15}


def test_who_has_a_marker_does_not_make_the_whole_terminal_a_member() -> None:
    snapshot = table(row(20, session=20), row(21, parent=20, session=20), markers={21: OURS})
    assert found_in(snapshot) == {21}


def test_recycled_pid_is_not_who_was_seen() -> None:
    assert found_in(table(row(15, session=15, start=6)), seen=[(15, 5)]) == set()


def test_session_number_counts_only_while_the_leader_is_unreaped() -> None:
    assert found_in(table(row(11, session=10)), session=None) == set()


def test_zombies_are_not_alive_and_the_excluded_are_never_members() -> None:
    snapshot = table(
        row(10, session=10, state="Z"), row(11, session=10), row(12, parent=11, session=10)
    )
    assert found_in(snapshot, never=[11]) == {12}


def test_marker_is_read_back_as_written() -> None:
    environ = b"A=1\0" + b"\0".join(
        f"{name}={value}".encode() for name, value in OURS.as_env().items()
    )
    assert parse_marker(environ) == OURS
    assert parse_marker(environ.replace(b"RUN_ID", b"RUN_IT")) is None
    assert parse_marker(b"X=TRADING_DASHBOARD_RUN_ID=run") is None


@given(st.binary(max_size=200))
def test_any_environment_can_be_read(environ: bytes) -> None:
    parse_marker(environ)
    parse_marker(b"TRADING_DASHBOARD_RUN_ID=x\0TRADING_DASHBOARD_GENERATION=" + environ)


def test_this_process_is_in_the_table() -> None:
    own = take_snapshot().processes[os.getpid()]
    assert own == read_stat(os.getpid())._replace(  # type: ignore[union-attr]
        cpu_ticks=own.cpu_ticks, resident_bytes=own.resident_bytes, state=own.state
    )
    assert own.parent == os.getppid()
    assert own.session == os.getsid(0)
