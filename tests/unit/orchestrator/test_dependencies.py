"""Start order."""

from typing import Any

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.orchestrator.dependencies import (
    dependents_of,
    start_levels,
    with_dependencies,
)


def agents(**depends_on: list[str]) -> dict[str, AgentSettings]:
    made: dict[str, Any] = {
        name: AgentSettings(name=name, url="http://127.0.0.1:1", depends_on=tuple(others))
        for name, others in depends_on.items()
    }
    return made


DIAMOND = agents(d=["b", "c"], b=["a"], c=["a"], a=[], e=[])


def test_independent_agents_share_a_level() -> None:
    assert start_levels(DIAMOND) == [["a", "e"], ["b", "c"], ["d"]]


def test_everything_below_is_found_once() -> None:
    assert with_dependencies(DIAMOND, ["d"]) == {"a", "b", "c", "d"}
    assert with_dependencies(DIAMOND, ["e"]) == {"e"}


def test_dependents_are_the_direct_ones() -> None:
    assert dependents_of(DIAMOND, "a") == ["b", "c"]
