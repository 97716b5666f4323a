"""The transition table is the design's, and everything else is refused."""

import itertools

import pytest

from trading_dashboard.models.errors import InvalidTransition
from trading_dashboard.models.states import AgentStatus as S
from trading_dashboard.orchestrator.transitions import TRANSITIONS, check_transition

DESIGN = {
    S.STOPPED: {S.STARTING},
    S.STARTING: {S.RUNNING, S.BACKOFF, S.STOPPING, S.ERROR},
    S.RUNNING: {S.STOPPING, S.BACKOFF, S.STOPPED, S.ERROR},
    S.STOPPING: {S.STOPPED, S.BACKOFF, S.ERROR},
    S.BACKOFF: {S.STARTING, S.STOPPED, S.ERROR},
    S.ERROR: {S.STARTING, S.STOPPED},
}


@pytest.mark.parametrize(("source", "target"), list(itertools.product(S, S)))
def test_only_what_the_design_allows(source: S, target: S) -> None:
    if target in DESIGN[source]:
        check_transition("a", source, target)
    else:
        with pytest.raises(InvalidTransition, match=f"from {source} to {target}"):
            check_transition("a", source, target)


def test_every_state_can_be_left_and_reached() -> None:
    assert set(TRANSITIONS) == set(S)
    assert set().union(*TRANSITIONS.values()) == set(S)
