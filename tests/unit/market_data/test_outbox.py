"""What waits for a slow reader: bounded, newest, counted."""

from __future__ import annotations

import pytest

from trading_dashboard.agents.market_data.streaming.outbox import (
    MAX_CLOSED_BARS,
    MAX_REPLIES,
    Outbox,
)


def everything(outbox: Outbox) -> list[tuple[str, int]]:
    taken = []
    while outbox:
        taken.append(outbox.take())
    return taken


def test_a_reader_that_keeps_up_gets_everything_unmerged() -> None:
    outbox = Outbox()
    for number in range(3):
        outbox.tick("A", f"tick {number}", 0)
        assert everything(outbox) == [(f"tick {number}", 0)]
    assert outbox.conflated == 0


def test_ticks_of_one_symbol_merge_and_are_counted() -> None:
    outbox = Outbox()
    for number in range(5):
        outbox.tick("A", f"a{number}", 2)
    outbox.tick("B", "b", 0)
    # Five messages stand for fifteen ticks: the one sent, and fourteen before it.
    assert everything(outbox) == [("a4", 14), ("b", 0)]
    assert outbox.conflated == 4


def test_a_closed_bar_replaces_what_was_known_of_it_while_forming() -> None:
    outbox = Outbox()
    outbox.forming("A", "1m", "forming 1")
    outbox.closed("A", "1m", "closed 1")
    outbox.forming("A", "1m", "forming 2")
    assert everything(outbox) == [("closed 1", 0), ("forming 2", 0)]


def test_every_closed_bar_waits_until_there_are_too_many() -> None:
    outbox = Outbox()
    for number in range(MAX_CLOSED_BARS):
        outbox.closed("A", "1s", str(number))
    assert everything(outbox) == [(str(number), 0) for number in range(MAX_CLOSED_BARS)]
    for number in range(MAX_CLOSED_BARS + 3):
        outbox.closed("A", "1s", str(number))
    taken = everything(outbox)
    assert taken[0] == ("3", 3)
    assert len(taken) == MAX_CLOSED_BARS


def test_it_is_bounded_whatever_comes() -> None:
    outbox = Outbox()
    for number in range(10_000):
        outbox.tick("A", str(number), 0)
        outbox.forming("A", "1m", str(number))
        outbox.closed("A", "1m", str(number))
        outbox.clock(str(number))
        outbox.reply(str(number))
    assert len(outbox) == 1 + MAX_CLOSED_BARS + 1 + MAX_REPLIES


def test_nobody_starves_while_one_symbol_is_busy() -> None:
    outbox = Outbox()
    for symbol in ("A", "B", "C"):
        outbox.tick(symbol, symbol, 0)
    order = []
    for _ in range(3):
        order.append(outbox.take()[0])
        outbox.tick("A", "A", 0)
    assert order == ["A", "B", "C"]


def test_a_snapshot_replaces_older_updates_and_comes_first() -> None:
    outbox = Outbox()
    outbox.tick("A", "old", 0)
    outbox.tick("B", "b", 0)
    outbox.snapshot("A", "snapshot")
    outbox.tick("A", "new", 0)
    assert everything(outbox) == [("snapshot", 0), ("b", 0), ("new", 0)]


def test_a_reset_drops_what_belongs_to_the_past() -> None:
    outbox = Outbox()
    outbox.tick("A", "old", 0)
    outbox.closed("A", "1m", "old bar")
    outbox.snapshot("B", "old snapshot")
    outbox.reset("reset")
    outbox.snapshot("A", "new snapshot")
    assert everything(outbox) == [("reset", 0), ("new snapshot", 0)]
    with pytest.raises(IndexError):
        outbox.take()


def test_closed_bars_that_wait_survive_a_snapshot_and_go_before_it() -> None:
    """Otherwise who subscribes to one interval more loses a bar of the others."""
    outbox = Outbox()
    outbox.closed("A", "1m", "bar 1")
    outbox.forming("A", "1m", "forming 2")
    outbox.snapshot("A", "first snapshot")
    outbox.closed("A", "1m", "bar 2")
    outbox.snapshot("A", "second snapshot")
    outbox.closed("A", "1m", "bar 3")
    expected = ["bar 1", "bar 2", "second snapshot", "bar 3"]
    assert everything(outbox) == [(body, 0) for body in expected]


def test_closed_bars_before_a_snapshot_are_bounded_and_counted() -> None:
    outbox = Outbox()
    for number in range(3 * MAX_CLOSED_BARS):
        outbox.closed("A", "1s", str(number))
        outbox.snapshot("A", "snapshot")
    taken = everything(outbox)
    assert taken[0] == (str(2 * MAX_CLOSED_BARS), 2 * MAX_CLOSED_BARS)
    assert len(taken) == MAX_CLOSED_BARS + 1


def test_forgetting_an_interval_leaves_the_others() -> None:
    outbox = Outbox()
    outbox.closed("A", "1m", "1m")
    outbox.closed("A", "5m", "5m")
    outbox.tick("A", "tick", 0)
    outbox.forget("A", ["5m"])
    assert everything(outbox) == [("1m", 0), ("tick", 0)]
    outbox.closed("A", "1m", "1m")
    outbox.snapshot("A", "snapshot")
    outbox.forget("A")
    assert not outbox


def test_a_reset_is_never_crowded_out() -> None:
    outbox = Outbox()
    outbox.reset("reset")
    for number in range(2 * MAX_REPLIES):
        outbox.reply(str(number))
    assert len(outbox) == MAX_REPLIES + 1
    assert everything(outbox)[0] == ("reset", 0)
