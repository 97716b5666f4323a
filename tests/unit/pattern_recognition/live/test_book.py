"""The book says what the bars say, however they came."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.pattern_recognition.live.walks import (
    BASIS,
    KEY,
    book_at,
    everything,
    feed,
    rows_of,
    told,
    walk,
)
from trading_dashboard.agents.pattern_recognition.errors import RecordInUse
from trading_dashboard.agents.pattern_recognition.live import book as book_module
from trading_dashboard.agents.pattern_recognition.live import worths as worths_module
from trading_dashboard.agents.pattern_recognition.live.label import Basis, Label
from trading_dashboard.agents.pattern_recognition.live.record import FILE, Record

BARS = walk(900, seed=3)


def test_one_by_one_and_at_once_is_the_same(tmp_path: Path) -> None:
    slowly, first = book_at(tmp_path / "a")
    slowly.load(KEY, BARS.prefix(300), BASIS)
    feed(slowly, BARS, 300, 900)
    at_once, second = book_at(tmp_path / "b")
    at_once.load(KEY, BARS, BASIS)
    assert everything(slowly) == everything(at_once)
    assert len({body["id"] for body in everything(at_once)}) == len(everything(at_once)) > 500
    first.close()
    second.close()


def test_a_restart_goes_on_where_it_was_and_tells_nothing_twice(tmp_path: Path) -> None:
    whole, first = book_at(tmp_path / "whole")
    whole.load(KEY, BARS.prefix(300), BASIS)
    uninterrupted = feed(whole, BARS, 300, 900)

    book, record = book_at(tmp_path / "cut")
    book.load(KEY, BARS.prefix(300), BASIS)
    events = feed(book, BARS, 300, 500)
    record.close()  # as `kill -9` leaves it: every commit is there, nothing else
    book, record = book_at(tmp_path / "cut")
    assert book.first_of(KEY) == BARS.time[0]
    outcome = book.load(KEY, BARS.prefix(700), BASIS)
    assert outcome.replaced == set()
    events += outcome.events
    events += feed(book, BARS, 700, 900)
    assert told(events) == told(uninterrupted)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert everything(book) == everything(whole)
    first.close()
    record.close()


def test_without_the_record_the_same_restart_tells_nothing_of_the_gap(tmp_path: Path) -> None:
    """Control arm: it is the record that makes a restart complete."""
    book, record = book_at(tmp_path)
    book.load(KEY, BARS.prefix(500), BASIS)
    record.close()
    (tmp_path / FILE).unlink()
    book, record = book_at(tmp_path)
    assert book.load(KEY, BARS.prefix(700), BASIS).events == []
    record.close()


def test_a_prefix_of_the_answers_is_the_answers_of_the_prefix(tmp_path: Path) -> None:
    book, record = book_at(tmp_path)
    book.load(KEY, BARS.prefix(600), BASIS)
    before = {body["id"]: body for body in everything(book)}
    last = book.trackers[KEY].as_of
    feed(book, BARS, 600, 900)
    after = [body for body in everything(book) if body["known_at"] <= str(last)]
    assert {body["id"] for body in after} == set(before)
    for body in after:
        cut = [change for change in body["changes"] if change["at"] <= str(last)]
        assert cut == before[body["id"]]["changes"]
        assert body["pivots"] == before[body["id"]]["pivots"]
    record.close()


def test_an_amended_bar_has_its_series_looked_at_anew(tmp_path: Path) -> None:
    book, record = book_at(tmp_path)
    book.load(KEY, BARS, BASIS)
    kept = everything(book)
    row = rows_of(BARS)[450]
    amended = row._replace(high=row.high * 1.2)
    outcome = book.push([(KEY, amended)])
    assert outcome.replaced == {KEY}
    assert everything(book) != kept
    bars = book.trackers[KEY].series.bars
    fresh, other = book_at(tmp_path / "fresh")
    fresh.load(KEY, bars, BASIS)
    assert everything(book) == everything(fresh)
    # The same bar once more, and one that is too old, change nothing.
    assert book.push([(KEY, amended)]).replaced == set()
    assert book.push([(KEY, row._replace(time=row.time - 1))]).replaced == set()
    record.close()
    other.close()
    book, record = book_at(tmp_path)
    assert book.load(KEY, bars, BASIS).replaced == set()
    record.close()


def test_a_long_series_is_cut_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = walk(2_000, seed=5)
    whole, first = book_at(tmp_path / "whole")
    whole.load(KEY, bars.prefix(700), BASIS)
    feed(whole, bars, 700, 2_000)
    monkeypatch.setattr(book_module, "TRIM_BARS", 100)
    book, record = book_at(tmp_path / "cut", history_bars=700)
    book.load(KEY, bars.prefix(700), BASIS)
    feed(book, bars, 700, 1_500)
    assert len(book.trackers[KEY].series) < 800
    record.close()
    book, record = book_at(tmp_path / "cut", history_bars=700)
    first_time = book.first_of(KEY)
    assert first_time is not None
    assert first_time > bars.time[0]
    since = int((first_time - bars.time[0]) // 60_000_000)
    outcome = book.load(KEY, bars.between(since, 1_600), BASIS)
    assert outcome.replaced == set()
    feed(book, bars, 1_600, 2_000)
    oldest = book.trackers[KEY].series.bars.moment(300).isoformat().replace("+00:00", "Z")
    recent = [body for body in everything(book) if body["known_at"] > oldest]
    assert recent == [body for body in everything(whole) if body["known_at"] > oldest]
    first.close()
    record.close()


@pytest.mark.parametrize(
    "basis",
    [
        Basis(Label("other", replay=True, intraday="simulated")),
        Basis(BASIS.label, (("2012-09-03", 2.0),)),
    ],
    ids=["source", "split"],
)
def test_bars_of_another_basis_are_never_mixed(tmp_path: Path, basis: Basis) -> None:
    book, record = book_at(tmp_path)
    book.load(KEY, BARS.prefix(600), BASIS)
    outcome = book.load(KEY, BARS, basis)
    assert outcome.replaced == {KEY}
    assert outcome.events == []
    assert {body["source"] for body in everything(book)} == {basis.label.source}
    record.close()


def test_another_source_begins_with_nothing(tmp_path: Path) -> None:
    book, record = book_at(tmp_path)
    book.load(KEY, BARS, BASIS)
    feed(book, walk(910, seed=3), 900, 910)
    number = book.event
    assert book.begin(Label("live", replay=False, intraday="real"))
    assert (book.trackers, record.series(), book.event) == ({}, {}, number)
    assert not book.begin(Label("live", replay=False, intraday="real"))
    record.close()


def test_a_clock_that_was_set_back_begins_anew(tmp_path: Path) -> None:
    book, record = book_at(tmp_path)
    book.load(KEY, BARS, BASIS)
    record.close()
    book, record = book_at(tmp_path)
    assert book.load(KEY, BARS.prefix(500), BASIS).replaced == {KEY}
    assert everything(book)[0]["known_at"] <= str(book.trackers[KEY].as_of)
    record.close()


def test_a_damaged_record_is_set_aside_and_said(tmp_path: Path) -> None:
    book, record = book_at(tmp_path)
    book.load(KEY, BARS, BASIS)
    record.close()
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(b"\0" * 512 + whole[512:])
    with Record(tmp_path) as opened:
        assert opened.set_aside is not None
        assert opened.set_aside.exists()
        assert opened.series() == {}
    with Record(tmp_path) as opened:
        assert opened.set_aside is None


def test_a_record_belongs_to_one_process(tmp_path: Path) -> None:
    with Record(tmp_path), pytest.raises(RecordInUse):
        Record(tmp_path)


def test_what_cannot_be_written_is_not_half_written(tmp_path: Path) -> None:
    with Record(tmp_path) as record:
        record.write(event=1, facts={"a": "1"})
        with pytest.raises(TypeError):
            record.write(event=2, found=[(KEY, "x", {"bad": object()})])
        assert record.event == 1


def test_worths_told_are_kept_within_a_bound_and_told_the_same_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, record = book_at(tmp_path)
    book.load(KEY, BARS, BASIS)
    book.worths.begin(KEY[1], book.trackers.values())
    bodies = [body for body in everything(book) if body["confirmed_at"]][-60:]
    whole = book.worths.of(bodies)
    kept = len(book.worths._told)
    book.worths._told.clear()
    monkeypatch.setattr(worths_module, "KEPT", 10)
    assert [book.worths.of([body])[0] for body in bodies] == whole
    assert len(book.worths._told) <= 10 < kept
    assert any(whole)
    record.close()
