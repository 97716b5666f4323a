"""The last lines in an error are the failed process's own."""

from __future__ import annotations

from datetime import UTC, datetime

from trading_dashboard.models.events import LogLine
from trading_dashboard.orchestrator.failures import _last


def line(text: str, stream: str = "stdout") -> LogLine:
    return LogLine(agent="a", seq=0, time=datetime.now(UTC), stream=stream, level="info", text=text)


def test_the_supervisors_lines_are_left_out() -> None:
    lines = [line("stopped -> starting: asked", "supervisor"), line("one"), line("two", "stderr")]
    assert (
        _last([*lines, line("running -> stopping: x", "supervisor")]) == "Last lines: one | two. "
    )


def test_lines_of_an_earlier_process_are_not_this_ones() -> None:
    lines = [line("KeyError"), line("backoff -> starting: restarting", "supervisor")]
    assert _last(lines) == "It wrote nothing. "


def test_a_json_line_gives_its_message() -> None:
    lines = ['{"level": "error", "message": "no route"}', "{not json", '["message"]', '{"a": 1}']
    expected = 'Last lines: {not json | ["message"] | {"a": 1}. '
    assert _last([line(text) for text in lines]) == expected
    assert _last([line(lines[0])]) == "Last lines: no route. "


def test_only_a_few_and_never_long_ones() -> None:
    assert _last([line(str(n)) for n in range(9)]) == "Last lines: 6 | 7 | 8. "
    assert len(_last([line("x" * 5000)])) < 250
