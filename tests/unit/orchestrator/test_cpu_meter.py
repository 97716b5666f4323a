"""CPU of a tree: never made of a stretch too short to tell."""

from trading_dashboard.orchestrator.processes.cpu_meter import CpuMeter
from trading_dashboard.orchestrator.processes.process_tree import CLOCK_TICKS

LEADER, CHILD = (1, 1), (2, 2)


def test_nothing_is_said_before_the_first_window_is_over() -> None:
    meter = CpuMeter()
    assert meter.read({LEADER: 0}, 0.0) is None
    assert meter.read({LEADER: 5}, 0.1) is None


def test_asking_often_does_not_change_the_figure() -> None:
    """One tick per half second is 2 %, however often somebody looks."""
    often, seldom = CpuMeter(), CpuMeter()
    seen = set()
    for step in range(400):
        at = step / 20
        ticks = {LEADER: int(at * 0.02 * CLOCK_TICKS)}
        seen.add(often.read(ticks, at))
        if step % 40 == 0:
            last = seldom.read(ticks, at)
    assert last is not None
    assert abs(last - 2.0) < 0.6
    figures = [figure for figure in seen if figure is not None]
    assert all(abs(figure - 2.0) < 0.8 for figure in figures)


def test_a_new_member_counts_whole_and_a_gone_one_takes_nothing_away() -> None:
    meter = CpuMeter()
    meter.read({LEADER: 100}, 0.0)
    assert meter.read({LEADER: 100, CHILD: CLOCK_TICKS}, 2.0) == 50.0
    assert meter.read({LEADER: 100}, 4.0) == 0.0
