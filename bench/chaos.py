"""A seeded storm of faults on a real supervisor, and what must hold throughout.

    .venv/bin/python -m bench.chaos [--seed N] [--faults 1000] [--agents 8] [--with-dashboard]

The same seed throws the same faults in the same order. Each invariant is checked all the while by
an observer that reads /proc, the event stream and the history's file (`bench/storm`). The first
violation ends it: seed, fault, the last faults and the invariant are printed, exit code 1. About
four minutes for 1,000 faults; everything is ended and removed, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys

from bench.storm.project import Project
from bench.storm.session import Outcome, Session

FEWEST_AGENTS = 6


def show(seed: int, outcome: Outcome) -> None:
    """Print what was done and checked."""
    done, checked = outcome.done, outcome.findings.checked
    print(f"| {'fault':<34} | times |\n|{'-' * 36}|------:|")
    for kind, times in sorted(done.items()):
        print(f"| {kind:<34} | {times:>5} |")
    print(f"| {'all':<34} | {done.total():>5} |\n")
    width = max((len(name) for name in checked), default=10)
    print(f"| {'invariant':<{width}} | checked |\n|{'-' * (width + 2)}|--------:|")
    for name, times in sorted(checked.items()):
        print(f"| {name:<{width}} | {times:>7} |")
    print()
    if seen := outcome.growth:
        first, last = seen.first_rss / 2**20, seen.last_rss / 2**20
        print(
            f"Supervisor, first → last quarter of {seen.samples} samples: {first:.1f} → {last:.1f} "
            f"MiB ({seen.rss_per_minute / 2**20:+.2f} MiB/min), "
            f"{seen.first_descriptors:g} → {seen.last_descriptors:g} descriptors"
        )
    print(
        f"Seed {seed}: {done.total()} faults, {outcome.supervisors} supervisors, "
        f"{outcome.processes} processes of agents, full disk: {outcome.disk}, "
        f"{outcome.seconds:.0f} s"
    )


def complain(seed: int, outcome: Outcome) -> None:
    """Print what an invariant's violation is about."""
    print(f"\nVIOLATED with seed {seed} after fault {outcome.failed_at}:")
    for violation in outcome.findings.violations[:20]:
        print(f"  {violation.invariant}: {violation.seen}")
    print("\nThe last faults:")
    for fault in outcome.last:
        print(fault)
    if outcome.kept:
        print(f"\nWhat it left is in {outcome.kept} (var.kept is its var/).")


async def storm(arguments: argparse.Namespace) -> Outcome:
    project = Project(
        arguments.agents, arguments.with_dashboard, arguments.supervisor, not arguments.no_mount
    )
    return await Session(arguments.seed, arguments.faults, project).run(arguments.keep)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="by default a random one")
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--agents", type=int, default=8, help=f"{FEWEST_AGENTS} or more")
    parser.add_argument("--with-dashboard", action="store_true", help="the real one")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a failed run")
    parser.add_argument(
        "--no-mount", action="store_true", help="fill the disk as where nothing may be mounted"
    )
    parser.add_argument(
        "--supervisor",
        metavar="MODULE",
        default="bench.storm.supervised",
        help="what is started, such as a sabotaged one",
    )
    arguments = parser.parse_args()
    if arguments.agents < FEWEST_AGENTS or arguments.faults < 1:
        parser.error(f"at least {FEWEST_AGENTS} agents and one fault")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(10**6)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"Seed {arguments.seed}", file=sys.stderr)
    outcome = asyncio.run(storm(arguments))
    show(arguments.seed, outcome)
    if outcome.findings.violations:
        complain(arguments.seed, outcome)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
