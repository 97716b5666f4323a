"""Which faults come in which order: drawn from the seed alone, so that a run can be replayed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

WEIGHTS = {
    "agent_killed": 10,
    "agent_terminated": 6,
    "agent_frozen": 6,
    "grandchild_killed": 6,
    "grandchild_terminated": 4,
    "grandchild_frozen": 4,
    "guardian_killed": 3,
    "guardian_terminated": 2,
    "guardian_frozen": 2,
    "dashboard_killed": 4,
    "dashboard_frozen": 2,
    "supervisor_frozen": 2,
    "port_stolen": 5,
    "port_raced_for": 4,
    "disk_filled": 3,
    "log_deleted": 5,
    "log_folder_deleted": 3,
    "log_replaced_by_folder": 2,
    "start": 6,
    "stop": 6,
    "restart": 6,
    "start_all": 3,
    "stop_all": 2,
    "several_clients": 5,
    "command_line": 2,
    "bad_request": 3,
    "health_slow": 4,
    "health_hanging": 5,
    "health_lying": 8,
    "life_changed": 10,
    "configuration_broken": 3,
    "configuration_changed": 3,
}
LETHAL = {
    "supervisor_killed": 6,
    "supervisor_terminated": 3,
    "supervisor_and_guardian_killed": 3,
    "supervisor_killed_lease_forged": 3,
    "supervisor_told_to_end": 1,
}
"""What ends the supervisor. Only in the first part, so that its cost can be watched afterwards."""
FIRST_PART = 0.3
LETHAL_SHARE = 0.09
LONGEST_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class Fault:
    """One fault and everything random about it."""

    number: int
    kind: str
    agent: str
    choice: float
    """Picks among what the fault may do, 0 to 1."""
    seconds: float
    """How long it lasts, if it does."""
    pause: float
    """Before the next one."""

    def __str__(self) -> str:
        about = f"{self.agent}, choice {self.choice:.3f}, {self.seconds:.2f} s"
        return f"{self.number:>5}  {self.kind:<32} {about}"

    def pick(self, several: Sequence[str]) -> str:
        """Choose one."""
        return several[int(self.choice * len(several))]


def draw(seed: int, count: int, agents: Sequence[str]) -> list[Fault]:
    """Return the faults of a seed."""
    rng = random.Random(seed)
    faults = []
    for number in range(1, count + 1):
        may_end = number <= count * FIRST_PART and rng.random() < LETHAL_SHARE
        weights = LETHAL if may_end else WEIGHTS
        faults.append(
            Fault(
                number=number,
                kind=rng.choices(list(weights), list(weights.values()))[0],
                agent=rng.choice(agents),
                choice=rng.random(),
                seconds=rng.choice((0.1, 0.5, 1.0, 3.0)) * (0.5 + rng.random()),
                pause=rng.random() * LONGEST_PAUSE_SECONDS,
            )
        )
    return faults
