"""Ending a set of processes that may still be growing.

Owns the escalation: look, ask (TERM), wait, kill, look again, until a look finds nobody. What
belongs to the set is the caller's rule; it is asked afresh with each look, so that processes forked
in the meantime are found. Waiting is for events, not for time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.platforms.seam import Leader, ProcessReference
from trading_dashboard.orchestrator.processes.process_tree import (
    Identity,
    ProcessStat,
    ProcessTable,
    RunMarker,
    members,
)
from trading_dashboard.orchestrator.processes.scanner import Scanner

KILL_WAIT_SECONDS = 0.05
"""After killing, look again at the latest after this long."""
SETTLE_SECONDS = 0.003
"""A program being loaded has no readable environment for about a millisecond."""
COMPLAIN_SECONDS = 5.0
CHASE_AFTER_LOOKS = 3
"""Looks at the table after which somebody who is still there is taken to be too fast for it."""
CHASE_AFTER_MISSES = 2
"""The same, for looks in a row in which nobody of those who are there could be held."""
TOO_FAST = "processes come and go too fast to tell whether it has ended; looking on"

Find = Callable[[ProcessTable, Collection[Identity]], Mapping[int, ProcessStat]]
"""Returns the members in a snapshot by pid, given those that were found before: what proved them
to be members, such as their parent, may be gone by now."""


def marked(
    is_ours: Callable[[RunMarker], bool],
    never: Callable[[], frozenset[int]],
    session: Callable[[], int | None] = lambda: None,
) -> Find:
    """Return the rule for processes that carry a marker, and all that stems from them.

    Args:
        is_ours: Judges a marker.
        never: Returns pids that are never members.
        session: Returns a session whose number is known to be ours, if there is one.
    """

    def find(snapshot: ProcessTable, seen: Collection[Identity]) -> Mapping[int, ProcessStat]:
        return members(snapshot, session=session(), is_ours=is_ours, seen=seen, never=never())

    return find


@dataclass(slots=True)
class Tally:
    """What it took."""

    members: int = 0
    killed: int = 0


class Ending:
    """Ends everything that `find` finds."""

    def __init__(
        self,
        scanner: Scanner,
        find: Find,
        grace_seconds: float,
        *,
        leader: Leader | None = None,
        chase: Callable[[], int] | None = None,
        complain: Callable[[str], None] | None = None,
    ) -> None:
        """Take the rule and the grace period.

        Args:
            scanner: Reads the process table.
            find: The rule.
            grace_seconds: Between asking and killing.
            leader: Its process group is signalled as a whole, which no fork can slip past, for as
                long as its number is known to be ours.
            chase: Kills members that come and go faster than the table is read; returns how many.
                It blocks, and is called off the loop.
            complain: Told about processes that do not end although they were killed.
        """
        self._scanner = scanner
        self._find = find
        self._deadline = time.monotonic() + grace_seconds
        self._leader = leader
        self._chase = chase
        self._kill_looks = 0
        self._misses = 0
        self._complain = complain or (lambda _: None)
        self._trouble_since: float | None = None
        self._looks = 0
        self._held: dict[Identity, ProcessReference] = {}
        self._seen: set[Identity] = set()
        self._killed: set[Identity] = set()
        self._changed = asyncio.Event()
        self.tally = Tally()

    def shorten(self, grace_seconds: float) -> None:
        """Kill no later than in `grace_seconds`."""
        self._deadline = min(self._deadline, time.monotonic() + grace_seconds)
        self._changed.set()

    async def run(self) -> Tally:
        """Return when a look finds nobody."""
        empty_looks, is_family = 0, False
        try:
            # Reading the table takes a moment in which a fork could slip past the reader: one
            # process that ended leaves no doubt, a family that was forking needs a second look.
            while empty_looks < (2 if is_family else 1):
                snapshot = await self._scanner.scan()
                found = self._find(snapshot, self._seen)
                self._seen = {process.identity for process in found.values()}
                if found:
                    empty_looks = 0
                    is_family = is_family or self._looks > 0 or len(found) > 1
                    has_hold = self._approach(found)
                    await self._wait()
                    await self._chase_if_too_fast(has_hold)
                elif snapshot.undetermined:
                    await asyncio.sleep(SETTLE_SECONDS)
                elif not snapshot.is_whole:
                    # Nobody was found, and somebody may be there all the same.
                    self._report(TOO_FAST)
                    await self._chase_if_too_fast(has_hold=False)
                else:
                    empty_looks += 1
            return self.tally
        finally:
            for reference in self._held.values():
                reference.close()

    @property
    def _is_killing(self) -> bool:
        return time.monotonic() >= self._deadline

    def _approach(self, found: Mapping[int, ProcessStat]) -> bool:
        """Take hold of the members; ask the new ones to end, or kill everybody.

        Returns whether anybody could be held.
        """
        is_first = self._looks == 0
        self._looks += 1
        if is_first:
            self.tally.members = len(found)
        fresh = self._hold(found)
        has_hold = bool(self._held)
        asked = self._ask_leader() if is_first and not self._is_killing else None
        if self._is_killing:
            self._kill()
            return has_hold
        for process in fresh:
            # Once only: many programs take a second request as an order to drop everything.
            if asked is None or process.group != asked:
                self._attempt(self._held[process.identity].ask, process.identity)
            # One that is stopped (SIGSTOP) cannot hear the request.
            self._attempt(self._held[process.identity].wake, process.identity)
        return has_hold

    def _hold(self, found: Mapping[int, ProcessStat]) -> list[ProcessStat]:
        """Hold all of `found`, let go of others, and return the new ones."""
        living = {process.identity: process for process in found.values()}
        for identity in self._held.keys() - living.keys():
            self._held.pop(identity).close()
        fresh = []
        for identity in living.keys() - self._held.keys():
            reference = PLATFORM.hold(identity)
            if reference is not None:
                self._held[identity] = reference
                reference.watch(self._on_end(identity))
                fresh.append(living[identity])
        return fresh

    def _on_end(self, identity: Identity) -> Callable[[], None]:
        def ended() -> None:
            reference = self._held.pop(identity, None)
            if reference is not None:
                reference.close()
            self._changed.set()

        return ended

    def _ask_leader(self) -> int | None:
        """Ask the leader's group to end; return its number if that was possible."""
        if self._leader is None or self._leader.is_reaped:
            return None
        if PLATFORM.ask_group(self._leader):
            return self._leader.pid
        # Nobody in it can hear us: waiting would change nothing.
        self.shorten(0.0)
        return None

    def _kill(self) -> None:
        if self._leader is not None:
            PLATFORM.kill_group(self._leader)
        for identity, reference in tuple(self._held.items()):
            self._attempt(reference.kill, identity)
        self.tally.killed += len(self._held.keys() - self._killed)
        self._killed |= self._held.keys()

    async def _chase_if_too_fast(self, has_hold: bool) -> None:
        """Go after those who fork into ever new processes, once the table was too slow for them."""
        self._misses = 0 if has_hold else self._misses + 1
        is_too_fast = self._misses >= CHASE_AFTER_MISSES
        if is_too_fast and (self._leader is None or self._leader.poll() is not None):
            # Nobody is left who could be asked: waiting would only let them fill the table.
            self.shorten(0.0)
        if not self._is_killing:
            return
        self._kill_looks += 1
        is_too_fast = is_too_fast or self._kill_looks > CHASE_AFTER_LOOKS
        if self._chase is not None and is_too_fast:
            # A chain counts as one: of its links, nobody knows which were dead already.
            self.tally.killed += await self._scanner.off_loop(self._chase) > 0

    def _attempt(self, act: Callable[[], None], identity: Identity) -> None:
        try:
            act()
        except PermissionError:
            self._report(f"process {identity[0]} may not be signalled by this user")

    async def _wait(self) -> None:
        """Return when all that is held has ended, or the next step is due."""
        is_killing = self._is_killing
        until = time.monotonic() + KILL_WAIT_SECONDS
        if not self._held:
            # Just gone, or no descriptor was left to hold them with.
            await asyncio.sleep(SETTLE_SECONDS)
        while self._held:
            timeout = (until if is_killing else self._deadline) - time.monotonic()
            if timeout <= 0:
                break
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._changed.wait()
        if is_killing and self._held:
            pids = ", ".join(str(pid) for pid, _ in sorted(self._held))
            self._report(f"killed, but not gone yet: {pids}")

    def _report(self, problem: str) -> None:
        now = time.monotonic()
        if self._trouble_since is None:
            self._trouble_since = now
        elif now - self._trouble_since > COMPLAIN_SECONDS:
            self._trouble_since = now
            self._complain(problem)
