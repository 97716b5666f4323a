"""Reading a table while processes fork and end: nobody who lives is missed, or it is said so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from trading_dashboard.orchestrator.processes import guardian
from trading_dashboard.orchestrator.processes.platforms import whole_table
from trading_dashboard.orchestrator.processes.platforms.whole_table import ROUNDS, read_whole
from trading_dashboard.orchestrator.processes.process_stat import ProcessStat

SUPERVISOR, GUARDIAN = "supervisor", "guardian"
OTHER = 1
"""Somebody who lives all the time and has nothing to do with it."""


class Round(NamedTuple):
    """What one walk through the list sees, and what becomes of those who are in it."""

    listed: set[int]
    alive: set[int]
    """When the rows are read."""
    last: int
    """The pid that had been given out last when the rows were read."""
    zombies: frozenset[int] = frozenset()
    seconds: float = 0.0


class Machine:
    """Plays rounds; the last one again and again."""

    def __init__(self, *rounds: Round) -> None:
        self.rounds = rounds
        self.lists = 0
        self.now = 0.0
        self.read: list[int] = []
        self.seconds_per_row = 0.0

    @property
    def _round(self) -> Round:
        return self.rounds[min(max(self.lists, 1), len(self.rounds)) - 1]

    def list_pids(self) -> list[int]:
        self.lists += 1
        self.now += self._round.seconds
        return sorted(self._round.listed)

    def row(self, pid: int) -> ProcessStat | None:
        self.read.append(pid)
        self.now += self.seconds_per_row
        is_zombie = pid in self._round.zombies
        if pid not in self._round.alive and not is_zombie:
            return None
        return ProcessStat(pid, 5, "Z" if is_zombie else "S", 1, pid, pid, 0, 0)

    def last_pid(self) -> int:
        return self._round.last


Read = Callable[[Machine], tuple[set[int], bool]]
"""Returns who lives according to the table, and whether it is whole."""


@pytest.fixture(params=[SUPERVISOR, GUARDIAN])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read as the supervisor does, or as the guardian, which shares no code with it."""

    def by_supervisor(machine: Machine) -> tuple[set[int], bool]:
        rows, is_whole = read_whole(machine.list_pids, machine.row, machine.last_pid)
        return {row.pid for row in rows if row.is_alive}, is_whole

    def by_guardian(machine: Machine) -> tuple[set[int], bool]:
        def read_row(pid: int) -> guardian.Row | None:
            row = machine.row(pid)
            return row and (row.start_ticks, row.is_alive, row.parent, row.group, row.session, 0)

        monkeypatch.setattr(guardian, "list_pids", machine.list_pids)
        monkeypatch.setattr(guardian, "last_pid", machine.last_pid)
        monkeypatch.setattr(guardian, "read_row", read_row)
        rows, is_whole = guardian.read_table_from_proc(0)
        return {pid for pid, row in rows.items() if row[1]}, is_whole

    def by_either(machine: Machine) -> tuple[set[int], bool]:
        monkeypatch.setattr(time, "monotonic", lambda: machine.now)
        return by_supervisor(machine) if request.param == SUPERVISOR else by_guardian(machine)

    return by_either


def chain(first: int, rounds: int, *, zombies: bool = False) -> list[Round]:
    """Return rounds in each of which the link that was listed has ended before it was read."""
    return [
        Round({OTHER, link}, {OTHER}, link + 1, frozenset({link} if zombies else ()))
        for link in range(first, first + rounds)
    ]


def test_a_still_machine_is_read_in_two_rounds(read: Read) -> None:
    machine = Machine(Round({OTHER, 500}, {OTHER, 500}, 500))
    assert read(machine) == ({OTHER, 500}, True)
    assert machine.lists == 2


@pytest.mark.parametrize("zombies", [False, True])
def test_a_chain_is_followed_until_a_link_is_seen_alive(read: Read, zombies: bool) -> None:
    end = Round({OTHER, 600}, {OTHER, 600}, 600)
    assert read(Machine(*chain(500, 5, zombies=zombies), end)) == ({OTHER, 600}, True)


@pytest.mark.parametrize("zombies", [False, True])
def test_who_is_too_fast_to_be_seen_leaves_a_table_that_is_not_whole(
    read: Read, zombies: bool
) -> None:
    """Taken for whole, it would say that nobody of the chain is alive."""
    machine = Machine(*chain(500, ROUNDS + 1, zombies=zombies))
    assert read(machine) == ({OTHER}, False)
    assert machine.lists == ROUNDS


def test_the_youngest_are_read_first(read: Read) -> None:
    machine = Machine(Round({OTHER, 500, 501}, {OTHER, 500, 501}, 501))
    read(machine)
    assert machine.read == [501, 500, OTHER]


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "control"])
def test_a_child_with_a_low_number_behind_the_walk_is_found(read: Read, is_known: bool) -> None:
    """The numbers begin again during the second round, so that it sees neither parent nor child.

    Control arm: a machine that does not tell is believed after that round.
    """
    machine = Machine(
        Round({OTHER, 32_766}, {OTHER}, 32_767),
        Round({OTHER}, {OTHER}, 300 if is_known else 32_767),
        Round({OTHER, 300}, {OTHER, 300}, 300),
    )
    assert read(machine) == ({OTHER, 300} if is_known else {OTHER}, True)


def test_a_child_that_got_its_low_number_just_before_is_found(read: Read) -> None:
    machine = Machine(Round({OTHER}, {OTHER}, 300), Round({OTHER, 300}, {OTHER, 300}, 300))
    assert read(machine) == ({OTHER, 300}, True)


def test_a_number_that_was_missed_is_looked_at_again_once_it_may_be_another_s(read: Read) -> None:
    machine = Machine(
        Round({OTHER, 300}, {OTHER}, 301),
        Round({OTHER}, {OTHER}, 299),
        Round({OTHER, 300}, {OTHER, 300}, 300),
    )
    assert read(machine) == ({OTHER, 300}, True)


def test_a_round_in_which_all_numbers_may_have_been_given_out_proves_nothing(read: Read) -> None:
    seconds = whole_table.CYCLE_SECONDS + 1
    machine = Machine(
        Round({OTHER, 500}, {OTHER}, 501),
        Round({OTHER}, {OTHER}, 502, seconds=seconds),
        Round({OTHER, 500}, {OTHER, 500}, 503),
    )
    assert read(machine) == ({OTHER, 500}, True)
    assert guardian.CYCLE_SECONDS == whole_table.CYCLE_SECONDS


@pytest.mark.parametrize(("seconds_per_row", "is_whole"), [(0.01, True), (0.1, False)])
def test_a_long_table_on_a_slow_machine_can_be_whole_all_the_same(
    read: Read, seconds_per_row: float, is_whole: bool
) -> None:
    """It is not the whole reading that must not take too long, only the time between two looks."""
    everybody = set(range(1, 1_001))
    machine = Machine(Round(everybody, everybody, 1_000))
    machine.seconds_per_row = seconds_per_row
    assert read(machine)[1] == is_whole
